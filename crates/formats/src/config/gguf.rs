//! GGUF metadata translated, once, into Hugging Face's spelling.
//! Source: llama.cpp's gguf-py/gguf/constants.py, convert_hf_to_gguf.py and llama-model.cpp.

use serde_json::{Value, json};

use super::map::ConfigMap;
use super::{ArchId, Biases, Hyperparams, parse};
use crate::error::{FormatError, HyperparamError};
use crate::folder::JsonObject;
use crate::gguf::{GgufFile, MetaValue};
use crate::names::GgufArch;

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
    /// Layers that have a router.
    pub(crate) moe_layers: Vec<usize>,
}

/// Keys that mean the same for every architecture: the part after `{arch}.` and Hugging Face's name.
const SAME: [(&str, &str); 16] = [
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
    ("interleave_moe_layer_step", "interleave_moe_layer_step"),
    ("attn_logit_softcapping", "attn_logit_softcapping"),
    ("final_logit_softcapping", "final_logit_softcapping"),
];

/// Where a translated configuration has the number of rotated values, for which Hugging Face has no key: a factor
/// would round.
pub(super) const ROTARY_DIM: &str = "rope.dimension_count";

/// Keys that would change the arithmetic of the architectures served here: the part after `{arch}.`, and the only
/// value that does not.
const NEUTRAL: [(&str, f64); 12] = [
    ("attention.clamp_kqv", 0.0),
    ("attention.max_alibi_bias", 0.0),
    ("attention.scale", 0.0),
    ("attention.causal", 1.0),
    ("embedding_scale", 1.0),
    ("residual_scale", 1.0),
    ("logit_scale", 1.0),
    ("use_parallel_residual", 0.0),
    ("expert_shared_count", 1.0),
    ("expert_weights_scale", 1.0),
    ("rope.scaling.yarn_log_multiplier", 0.0),
    ("rope.scaling.yarn_ext_factor", 1.0),
];

/// Hyperparameters of a GGUF model; `metadata` is its first part.
pub(crate) fn from_gguf(metadata: &GgufFile, arch: GgufArch, facts: &GgufFacts) -> Result<Hyperparams, FormatError> {
    let name = metadata.architecture()?.to_owned();
    let config = Translation { gguf: metadata, name: &name, arch, facts }.config()?;
    Ok(parse::hyperparams(config, ArchId(name), arch.model_type(), None, Some(facts))?)
}

struct Translation<'a> {
    gguf: &'a GgufFile,
    /// `general.architecture`, which is the prefix of its keys.
    name: &'a str,
    arch: GgufArch,
    facts: &'a GgufFacts,
}

impl Translation<'_> {
    fn config(&self) -> Result<ConfigMap, HyperparamError> {
        self.refuse_unsupported()?;
        let mut config = ConfigMap::new(self.gguf.name(), JsonObject::new());
        for (key, hf) in SAME {
            let spelled = self.key(key);
            if let Some(value) = self.number(&spelled)? {
                config.insert_as(hf, &spelled, value);
            }
        }
        for (key, hf) in SAME {
            if !config.mentions(hf) {
                config.insert_as(hf, &self.key(key), Value::Null); // so that messages name GGUF's key
            }
        }
        if config.get("vocab_size").is_none()
            && let Some(MetaValue::Array(tokens)) = self.gguf.get("tokenizer.ggml.tokens")
        {
            config.insert_as("vocab_size", "tokenizer.ggml.tokens", tokens.len);
        }
        config.insert_as("tie_word_embeddings", "output.weight", self.facts.tied);
        let activation = if self.arch == GgufArch::Gemma3 { "gelu_pytorch_tanh" } else { "silu" };
        config.insert_as("hidden_act", "general.architecture", activation);
        self.rope(&mut config)?;
        self.windows(&mut config)?;
        self.architecture(&mut config)?;
        Ok(config)
    }

    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.name)
    }

    fn refuse_unsupported(&self) -> Result<(), HyperparamError> {
        for (key, neutral) in NEUTRAL {
            let key = self.key(key);
            let value = match self.gguf.get(&key) {
                Some(MetaValue::Bool(b)) => f64::from(u8::from(*b)),
                _ => match self.gguf.float(&key)? {
                    Some(value) => value,
                    None => continue,
                },
            };
            if value != neutral {
                return Err(
                    self.error(&key, &format!("{neutral}: anything else is not supported for this architecture"))
                );
            }
        }
        // Values as wide as keys are assumed throughout.
        let (k, v) = (self.key("attention.key_length"), self.key("attention.value_length"));
        match (self.gguf.uint(&k)?, self.gguf.uint(&v)?) {
            (Some(k), Some(v)) if k != v => {
                Err(self.error(&self.key("attention.value_length"), &format!("{k} as for keys")))
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
    fn number(&self, key: &str) -> Result<Option<Value>, HyperparamError> {
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

    fn rope(&self, config: &mut ConfigMap) -> Result<(), HyperparamError> {
        if let Some(rotary_dim) = self.gguf.uint(&self.key("rope.dimension_count"))? {
            let width = match config.usize("head_dim")? {
                Some(width) => width as u64,
                None => {
                    let heads = config.usize("num_attention_heads")?.unwrap_or(1).max(1);
                    (config.usize("hidden_size")?.unwrap_or(0) / heads) as u64
                }
            };
            if rotary_dim != width && width > 0 {
                let key = self.key("rope.dimension_count");
                if self.arch.permutes_rotary_rows() {
                    // Rows are interleaved over whole heads, which fits no rotation of a part of them.
                    return Err(self.error(&key, &format!("{width}, the width of a head")));
                }
                config.insert_as(ROTARY_DIM, &key, rotary_dim);
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
        config.insert_as("rope_scaling", &self.key("rope.scaling"), rope_scaling);
        Ok(())
    }

    /// Sliding windows. llama.cpp's converter writes the window, never which layers slide (but for newer Gemma files).
    fn windows(&self, config: &mut ConfigMap) -> Result<(), HyperparamError> {
        let key = self.key("attention.sliding_window");
        let window = self.gguf.uint(&key)?;
        match (self.arch, window) {
            (GgufArch::Llama4, _) | (_, None | Some(0)) => {}
            (GgufArch::Phi3 | GgufArch::Gemma3, Some(window)) => config.insert_as("sliding_window", &key, window),
            (_, Some(window)) => {
                // Which layers slide is not written; it does not matter where the window holds the whole context.
                let context = config.usize("max_position_embeddings")?.unwrap_or(usize::MAX);
                if (window as usize) < context {
                    return Err(self.error(&key, "none, or the whole context: which layers slide is not written"));
                }
            }
        }
        Ok(())
    }

    /// Facts of the architecture that llama.cpp has in its code instead of the file.
    fn architecture(&self, config: &mut ConfigMap) -> Result<(), HyperparamError> {
        match self.arch {
            GgufArch::SmolLm3 => config.insert_as("no_rope_layer_interval", "general.architecture", 4),
            GgufArch::Gemma3 => self.gemma3(config)?,
            GgufArch::Llama4 => self.llama4(config)?,
            GgufArch::Llama | GgufArch::Qwen2 | GgufArch::Qwen3 | GgufArch::Phi3 => {}
        }
        Ok(())
    }

    fn gemma3(&self, config: &mut ConfigMap) -> Result<(), HyperparamError> {
        let pattern_key = self.key("attention.sliding_window_pattern");
        match self.gguf.get(&pattern_key) {
            Some(MetaValue::Array(_)) => {
                let words = self.gguf.bools(&pattern_key)?.unwrap_or_default();
                let words: Vec<&str> =
                    words.iter().map(|&s| if s { "sliding_attention" } else { "full_attention" }).collect();
                config.insert_as("layer_types", &pattern_key, json!(words));
            }
            _ => {
                let pattern = self.gguf.uint(&pattern_key)?.unwrap_or(6);
                config.insert_as("sliding_window_pattern", &pattern_key, pattern);
            }
        }
        // The 27B (62 layers) divides scores by the root of d_model / n_heads, all others by that of head_dim.
        let width = match (config.usize("num_hidden_layers")?, config.usize("head_dim")?) {
            (Some(62), _) | (_, None) => {
                let heads = config.usize("num_attention_heads")?.unwrap_or(1).max(1);
                config.usize("hidden_size")?.unwrap_or(0) / heads
            }
            (_, Some(head_dim)) => head_dim,
        };
        config.insert_as("query_pre_attn_scalar", &self.key("attention.key_length"), width);
        Ok(())
    }

    fn llama4(&self, config: &mut ConfigMap) -> Result<(), HyperparamError> {
        let (dense_key, expert_key) = (self.key("feed_forward_length"), self.key("expert_feed_forward_length"));
        let dense = self.number(&dense_key)?.unwrap_or(Value::Null);
        let expert = self.number(&expert_key)?;
        config.insert_as("intermediate_size_mlp", &dense_key, dense.clone());
        config.insert_as("intermediate_size", &expert_key, expert.unwrap_or(dense));
        let experts = config.usize("num_local_experts")?.unwrap_or(0);
        config.insert_as("num_local_experts", &self.key("expert_count"), experts);
        config.insert_as("moe_layers", &self.key("interleave_moe_layer_step"), json!(self.facts.moe_layers));
        // llama.cpp leaves out the norm of Q and K for Maverick alone, which it knows by its 128 experts.
        config.insert_as("use_qk_norm", &self.key("expert_count"), experts != 128);
        config.insert_as("attention_chunk_size", "general.architecture", 8192);
        config.insert_as("attn_temperature_tuning", "general.architecture", true);
        config.insert_as("floor_scale", "general.architecture", 8192);
        config.insert_as("attn_scale", "general.architecture", 0.1);
        let window_key = self.key("attention.sliding_window");
        if self.gguf.uint(&window_key)? == Some(0) {
            // A window of 0 says: no chunks, and every layer rotates.
            let layers = config.size("num_hidden_layers", 10_000)?;
            config.insert_as("no_rope_layers", &window_key, json!(vec![1; layers]));
            config.insert_as("layer_types", &window_key, json!(vec!["full_attention"; layers]));
        } else {
            config.insert_as("no_rope_layer_interval", "general.architecture", 4);
        }
        Ok(())
    }
}
