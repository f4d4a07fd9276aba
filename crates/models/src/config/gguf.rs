//! GGUF metadata translated, once, into Hugging Face's spelling.
//! Source: llama.cpp's gguf-py/gguf/constants.py, convert_hf_to_gguf.py and llama-model.cpp.

use plimsoll_formats::gguf::{GgufFile, MetaValue};
use plimsoll_formats::{ConfigMap, HyperparamError, JsonObject};
use serde_json::{Value, json};

use super::parse::{self, Spelled};
use super::rope::SECTIONS;
use super::{Biases, Hyperparams};
use crate::arch::{Arch, RotaryRows, Window};

/// What the tensors of a GGUF say about its network that its metadata does not.
#[derive(Debug, Default)]
pub(crate) struct GgufFacts {
    /// There is no `output.weight`.
    pub(crate) tied: bool,
    pub(crate) biases: Biases,
    /// Values of `rope_freqs.weight`.
    pub(crate) rope_factors: Option<Vec<f32>>,
    /// Values of `rope_factors_short.weight` and `rope_factors_long.weight`.
    pub(crate) long_rope: Option<(Vec<f32>, Vec<f32>)>,
    /// Layers that have values of their own.
    pub(crate) value_layers: Vec<usize>,
    /// Layers that have a router.
    pub(crate) moe_layers: Vec<usize>,
}

/// Keys that mean the same for every architecture: the part after `{arch}.` and Hugging Face's name.
const SAME: [(&str, &str); 17] = [
    ("block_count", "num_hidden_layers"),
    ("context_length", "max_position_embeddings"),
    ("embedding_length", "hidden_size"),
    ("feed_forward_length", "intermediate_size"),
    ("attention.head_count", "num_attention_heads"),
    ("attention.head_count_kv", "num_key_value_heads"),
    ("attention.key_length", "head_dim"),
    ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
    ("rope.freq_base", "rope_theta"),
    ("rope.freq_base_swa", "rope_local_base_freq"),
    ("vocab_size", "vocab_size"),
    ("expert_count", "num_local_experts"),
    ("expert_used_count", "num_experts_per_tok"),
    ("expert_feed_forward_length", "moe_intermediate_size"),
    ("interleave_moe_layer_step", "interleave_moe_layer_step"),
    ("attn_logit_softcapping", "attn_logit_softcapping"),
    ("final_logit_softcapping", "final_logit_softcapping"),
];

/// May be 0 for single layers.
const KV_HEADS: &str = "attention.head_count_kv";

/// Where a translated configuration has the number of rotated values, for which Hugging Face has no key: a factor
/// would round.
pub(super) const ROTARY_DIM: &str = "rope.dimension_count";

/// Keys that would change the arithmetic of an architecture that does not read them: the part after `{arch}.`, and the
/// only value that does not.
pub(crate) const NEUTRAL: [(&str, f64); 12] = [
    ("attention.clamp_kqv", 0.0),
    ("attention.max_alibi_bias", 0.0),
    ("attention.scale", 0.0),
    ("attention.causal", 1.0),
    ("embedding_scale", 1.0),
    ("residual_scale", 1.0),
    ("logit_scale", 1.0),
    ("use_parallel_residual", 0.0),
    ("expert_shared_count", 0.0),
    ("expert_weights_scale", 1.0),
    ("rope.scaling.yarn_log_multiplier", 0.0),
    ("rope.scaling.yarn_ext_factor", 1.0),
];

/// Hyperparameters of a GGUF model; `metadata` is its first part.
pub(crate) fn from_gguf(
    metadata: &GgufFile,
    arch: &'static Arch,
    facts: &GgufFacts,
) -> Result<Hyperparams, HyperparamError> {
    let keys = ConfigMap::new(metadata.name(), JsonObject::new());
    let name = metadata.text("general.architecture")?.unwrap_or(arch.name).to_owned();
    let mut config = GgufConfig { gguf: metadata, arch, name, facts, keys, headless: Vec::new() };
    config.translate()?;
    let spelled = Spelled { arch, class: &arch.classes[0], name: arch.name, wrapper: None };
    parse::hyperparams(config.keys, spelled, Some(facts))
}

/// The configuration of a GGUF while it is translated.
pub(crate) struct GgufConfig<'a> {
    pub gguf: &'a GgufFile,
    arch: &'static Arch,
    /// `general.architecture`, which keys begin with.
    name: String,
    pub facts: &'a GgufFacts,
    /// What is translated already, under Hugging Face's names.
    pub keys: ConfigMap,
    /// Layers without key and value heads, which have no attention.
    pub headless: Vec<bool>,
}

impl GgufConfig<'_> {
    fn translate(&mut self) -> Result<(), HyperparamError> {
        self.refuse_unsupported()?;
        self.heads()?;
        let left =
            |key: &str| (key == KV_HEADS && !self.headless.is_empty()) || self.arch.gguf.per_layer.contains(&key);
        let (left, alike): (Vec<_>, Vec<_>) = SAME.into_iter().partition(|(key, _)| left(key));
        self.numbers(&alike)?;
        left.into_iter().for_each(|(key, hf)| self.mention(key, hf));
        if self.keys.get("vocab_size").is_none()
            && let Some(MetaValue::Array(tokens)) = self.gguf.get("tokenizer.ggml.tokens")
        {
            self.keys.insert_as("vocab_size", "tokenizer.ggml.tokens", tokens.len);
        }
        self.keys.insert_as("tie_word_embeddings", "output.weight", self.facts.tied);
        self.known("hidden_act", self.arch.gguf.activation);
        self.rope()?;
        self.windows()?;
        (self.arch.gguf.facts)(self)?;
        if !self.headless.is_empty() && !self.keys.mentions("layer_types") {
            return Err(self.error(&self.key(KV_HEADS), "heads for every layer"));
        }
        Ok(())
    }

    /// Gives numbers Hugging Face's names: GGUF's part behind the architecture, and the name.
    pub fn numbers(&mut self, names: &[(&str, &str)]) -> Result<(), HyperparamError> {
        for (key, hf) in names {
            let spelled = self.key(key);
            match self.number(&spelled)? {
                Some(value) => self.keys.insert_as(hf, &spelled, value),
                None => self.mention(key, hf),
            }
        }
        Ok(())
    }

    /// Has messages about a key that is not there name GGUF's.
    fn mention(&mut self, key: &str, hf: &str) {
        if !self.keys.mentions(hf) {
            let spelled = self.key(key);
            self.keys.insert_as(hf, &spelled, Value::Null);
        }
    }

    /// The number of key and value heads where it is 0 for layers without attention.
    fn heads(&mut self) -> Result<(), HyperparamError> {
        let key = self.key(KV_HEADS);
        let Some(MetaValue::Array(_)) = self.gguf.get(&key) else { return Ok(()) };
        let heads = self.gguf.i32s(&key)?.unwrap_or_default();
        let mut kinds: Vec<i32> = heads.iter().copied().filter(|n| *n != 0).collect();
        kinds.dedup();
        if let ([n], true) = (&kinds[..], heads.contains(&0)) {
            self.keys.insert_as("num_key_value_heads", &key, *n);
            self.headless = heads.iter().map(|n| *n == 0).collect();
        }
        Ok(())
    }

    /// Says that layers without key and value heads are of the kind `word`, and others attend to all.
    pub fn layers_without_heads(&mut self, word: &str) {
        let kinds = self.headless.iter().map(|headless| if *headless { word } else { "full_attention" });
        let kinds: Vec<&str> = kinds.collect();
        let key = self.key(KV_HEADS);
        self.keys.insert_as("layer_types", &key, json!(kinds));
    }

    /// Sets a key that llama.cpp has in its code.
    pub fn known(&mut self, key: &str, value: impl Into<Value>) {
        self.keys.insert_as(key, "general.architecture", value);
    }

    /// GGUF's key of the architecture.
    pub fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn refuse_unsupported(&self) -> Result<(), HyperparamError> {
        for (key, neutral) in NEUTRAL.into_iter().filter(|(key, _)| !self.arch.gguf.reads.contains(key)) {
            self.only(key, neutral)?;
        }
        // Values as wide as keys are assumed throughout.
        let (k, v) = (self.key("attention.key_length"), self.key("attention.value_length"));
        if self.arch.gguf.reads.contains(&"attention.value_length") {
            return Ok(());
        }
        match (self.gguf.uint(&k)?, self.gguf.uint(&v)?) {
            (Some(k), Some(v)) if k != v => {
                Err(self.error(&self.key("attention.value_length"), &format!("{k} as for keys")))
            }
            _ => Ok(()),
        }
    }

    /// Refuses a key of the architecture that is there and has another value.
    pub fn only(&self, key: &str, value: f64) -> Result<(), HyperparamError> {
        let key = self.key(key);
        let found = match self.gguf.get(&key) {
            Some(MetaValue::Bool(b)) => Some(f64::from(u8::from(*b))),
            _ => self.gguf.float(&key)?,
        };
        match found {
            Some(found) if found != value => {
                Err(self.error(&key, &format!("{value}: anything else is not supported for this architecture")))
            }
            _ => Ok(()),
        }
    }

    fn error(&self, key: &str, expected: &str) -> HyperparamError {
        HyperparamError {
            file: self.gguf.name().to_owned(),
            key: key.to_owned(),
            found: self.gguf.get(key).map_or("nothing".to_owned(), MetaValue::describe),
            expected: expected.to_owned(),
        }
    }

    /// A number, or a list with one equal number per layer.
    pub fn number(&self, key: &str) -> Result<Option<Value>, HyperparamError> {
        Ok(match self.gguf.get(key) {
            None => None,
            Some(MetaValue::Uint(v)) => Some(json!(v)),
            Some(MetaValue::Int(v)) => Some(json!(v)),
            Some(MetaValue::Float(v)) if v.is_finite() => Some(json!(v)),
            Some(MetaValue::Array(_)) => {
                let per_layer = self.gguf.i32s(key)?.unwrap_or_default();
                match per_layer.split_first() {
                    Some((first, rest)) if rest.iter().all(|v| v == first) => Some(json!(first)),
                    _ => return Err(self.error(key, "the same number for every layer")),
                }
            }
            Some(_) => return Err(self.error(key, "a number")),
        })
    }

    /// A number for each of `n_layers` layers, which may be written once for all.
    pub fn of_layers(&self, key: &str, n_layers: usize) -> Result<Vec<usize>, HyperparamError> {
        let expected = || self.error(key, &format!("a whole number for each of {n_layers} layers"));
        match self.gguf.get(key) {
            Some(MetaValue::Array(_)) => {
                let values = self.gguf.i32s(key)?.unwrap_or_default();
                let values: Option<Vec<usize>> = values.into_iter().map(|value| usize::try_from(value).ok()).collect();
                values.filter(|values| values.len() == n_layers).ok_or_else(expected)
            }
            _ => {
                let value = self.gguf.uint(key)?.and_then(|value| usize::try_from(value).ok()).ok_or_else(expected)?;
                Ok(vec![value; n_layers])
            }
        }
    }

    /// How many pairs of a head turn by each coordinate.
    pub(crate) fn sections(&mut self) -> Result<(), HyperparamError> {
        let key = self.key("rope.dimension_sections");
        if let Some(numbers) = self.gguf.i32s(&key)? {
            self.keys.insert_as(SECTIONS, &key, json!(numbers));
        }
        Ok(())
    }

    fn rope(&mut self) -> Result<(), HyperparamError> {
        if let Some(rotary_dim) = self.gguf.uint(&self.key("rope.dimension_count"))? {
            let width = match self.keys.usize("head_dim")? {
                Some(width) => width as u64,
                None => {
                    let heads = self.keys.usize("num_attention_heads")?.unwrap_or(1).max(1);
                    (self.keys.usize("hidden_size")?.unwrap_or(0) / heads) as u64
                }
            };
            if rotary_dim != width && width > 0 {
                let key = self.key("rope.dimension_count");
                if self.arch.gguf.rotary_rows == RotaryRows::Interleaved {
                    // Rows are interleaved over whole heads, which fits no rotation of a part of them.
                    return Err(self.error(&key, &format!("{width}, the width of a head")));
                }
                self.keys.insert_as(ROTARY_DIM, &key, rotary_dim);
            }
        }
        let type_key = self.key("rope.scaling.type");
        let declared = self.gguf.text(&type_key)?;
        let scaling = declared.unwrap_or("none");
        let factor = match self.gguf.float(&self.key("rope.scaling.factor"))? {
            Some(factor) => Some(factor),
            None => self.gguf.float(&self.key("rope.scale_linear"))?, // what files of 2023 have
        };
        let attention = self.gguf.float(&self.key("rope.scaling.attn_factor"))?;
        let original = self.gguf.uint(&self.key("rope.scaling.original_context_length"))?;
        let rope_scaling = match (scaling, &self.facts.rope_factors, &self.facts.long_rope) {
            ("none", Some(_), None) => return Ok(()), // the parser takes them from the facts
            ("none" | "longrope", None, Some((short, long))) => json!({
                "rope_type": "longrope", "short_factor": short, "long_factor": long, "attention_factor": attention,
                "original_max_position_embeddings": original,
            }),
            ("none", None, None) => match factor {
                // As in llama.cpp, a factor without a type is linear, and `none` is none whatever the factor.
                Some(factor) if declared.is_none() && factor != 1.0 && factor != 0.0 => {
                    json!({ "rope_type": "linear", "factor": factor })
                }
                _ => return Ok(()),
            },
            ("linear", None, None) => json!({ "rope_type": "linear", "factor": factor }),
            ("yarn", None, None) => json!({
                "rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original,
                "beta_fast": self.gguf.float(&self.key("rope.scaling.yarn_beta_fast"))?,
                "beta_slow": self.gguf.float(&self.key("rope.scaling.yarn_beta_slow"))?,
                // llama.cpp divides the factor of `mscale` 1 by that of this one.
                "mscale": 1.0,
                "mscale_all_dim": self.gguf.float(&self.key("rope.scaling.yarn_log_multiplier"))?,
                // The converter copies Hugging Face's factor into the one key; llama.cpp multiplies the other
                // onto the factor that YaRN itself has.
                "attention_factor": match self.gguf.float(&self.key("rope.scaling.yarn_attn_factor"))? {
                    Some(whole) => Some(whole),
                    None => attention.map(|a| a * (0.1 * factor.unwrap_or(1.0).max(1.0).ln() + 1.0)),
                },
            }),
            _ => {
                let expected = "none, linear, yarn or longrope, with factor tensors only where they belong";
                return Err(self.error(&type_key, expected));
            }
        };
        let key = self.key("rope.scaling");
        self.keys.insert_as("rope_scaling", &key, rope_scaling);
        Ok(())
    }

    /// llama.cpp's converter writes the sliding window, seldom which layers slide.
    fn windows(&mut self) -> Result<(), HyperparamError> {
        let key = self.key("attention.sliding_window");
        let Some(window) = self.gguf.uint(&key)?.filter(|&window| window > 0) else { return Ok(()) };
        match self.arch.gguf.window {
            Window::Own => {}
            Window::Read => self.keys.insert_as("sliding_window", &key, window),
            Window::Refused => {
                // Which layers slide does not matter where the window holds the whole context.
                let context = self.keys.usize("max_position_embeddings")?.unwrap_or(usize::MAX);
                if (window as usize) < context {
                    return Err(self.error(&key, "none, or the whole context: which layers slide is not written"));
                }
            }
        }
        Ok(())
    }
}
