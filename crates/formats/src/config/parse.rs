//! From the map under Hugging Face's names to [`Hyperparams`].

use std::sync::Arc;

use super::map::ConfigMap;
use super::rope::{self, RopeContext};
use super::{Activation, ArchId, Biases, GgufFacts, Hyperparams, LayerKind, defaults, refuse};
use crate::error::{FormatError, HyperparamError};
use crate::folder::JsonObject;
use crate::names::unknown_architecture;

// Far beyond any published model; they keep a damaged number from becoming an allocation or an overflow.
pub(super) const MAX_LAYERS: usize = 10_000;
pub(super) const MAX_HEADS: usize = 100_000;
pub(super) const MAX_WIDTH: usize = 10_000_000;
const MAX_VOCAB: usize = 100_000_000;
const MAX_TOKENS: usize = 1_000_000_000_000;

/// Reads the keys of a `config.json`, old or new, plain or around a multimodal model.
///
/// # Errors
/// [`FormatError::UnknownArchitecture`] or [`FormatError::Hyperparam`].
pub(crate) fn from_config(file: &str, keys: JsonObject) -> Result<Hyperparams, FormatError> {
    let outer = ConfigMap::new(file, keys);
    refuse::quantised(&outer)?;
    let outer_type = outer.str("model_type")?.unwrap_or_default().to_owned();
    if outer_type.is_empty() {
        return Err(outer.error("model_type", "the name of an architecture").into());
    }
    let wrapper = defaults::wrapper_defaults(&outer_type);
    let (mut text, wrapper) = match outer.object("text_config")? {
        None => match wrapper {
            None => (outer.clone(), None),
            // A wrapper may rely on its class for every key of its text model.
            Some(_) => (ConfigMap::new(file, defaults::wrapped_text(&outer_type)), Some(outer_type.clone())),
        },
        Some(text) => (text, Some(outer_type.clone())),
    };
    let inner_default = wrapper.as_deref().and_then(defaults::wrapper_defaults);
    let model_type = match (text.str("model_type")?, inner_default) {
        (Some(inner), _) => inner.to_owned(),
        (None, Some((inner, _))) => inner.to_owned(),
        (None, None) => return Err(text.error("model_type", "the name of the text model's architecture").into()),
    };
    if wrapper.is_some() {
        refuse::quantised(&text)?;
        // The wrapper's word counts: its class ties the embeddings, not the text model's.
        let tied = outer.bool("tie_word_embeddings")?.or(inner_default.map(|(_, tied)| tied));
        if let Some(tied) = tied {
            text.insert_as("tie_word_embeddings", "tie_word_embeddings", tied);
        }
    }
    let Some(class) = defaults::class_defaults(&model_type) else {
        return Err(unknown_architecture(file, &model_type));
    };
    text.default_keys(class);
    let mut hp = hyperparams(text, ArchId(model_type.clone()), &model_type, wrapper, None)?;
    hp.outer = hp.wrapper.is_some().then(|| Arc::new(outer));
    Ok(hp)
}

/// Builds the struct from a map that is complete, `model_type` being Hugging Face's name of `arch`; of a GGUF, `facts`
/// is what its tensors say.
pub(super) fn hyperparams(
    config: ConfigMap,
    arch: ArchId,
    model_type: &str,
    wrapper: Option<String>,
    facts: Option<&GgufFacts>,
) -> Result<Hyperparams, HyperparamError> {
    refuse::unsupported(&config, model_type)?;
    let n_layers = config.size("num_hidden_layers", MAX_LAYERS)?;
    let n_heads = config.size("num_attention_heads", MAX_HEADS)?;
    let d_model = config.size("hidden_size", MAX_WIDTH)?;
    let n_kv_heads = match config.usize("num_key_value_heads")? {
        None => n_heads,
        Some(n) if n > 0 && n_heads % n == 0 => n,
        Some(_) => return Err(config.error("num_key_value_heads", format!("a divisor of {n_heads} heads"))),
    };
    let head_dim = match config.usize("head_dim")? {
        Some(_) => config.size("head_dim", MAX_WIDTH)?,
        None if d_model >= n_heads => d_model / n_heads,
        None => return Err(config.error("hidden_size", format!("at least one value for each of {n_heads} heads"))),
    };
    let max_seq_len = config.size("max_position_embeddings", MAX_TOKENS)?;
    let (layer_kinds, sliding_window) = attention_kinds(&config, model_type, n_layers)?;
    let gguf_factors = facts.and_then(|f| f.rope_factors.as_deref());
    let (rope, rope_local) =
        rope::parse(&RopeContext { config: &config, model_type, head_dim, max_seq_len, gguf_factors })?;
    // Of the classes here Gemma's alone read these keys; in a configuration of another they are left over.
    let is_capped = model_type == "gemma3_text";
    let softcap = |key| -> Result<Option<f32>, HyperparamError> {
        config.get(key).filter(|_| is_capped).map(|_| config.positive(key)).transpose().map(|v| v.map(|v| v as f32))
    };
    Ok(Hyperparams {
        n_layers,
        n_heads,
        n_kv_heads,
        head_dim,
        d_model,
        d_ff: config.size("intermediate_size", MAX_WIDTH)?,
        vocab_size: config.size("vocab_size", MAX_VOCAB)?,
        rms_eps: config.positive("rms_norm_eps")? as f32,
        max_seq_len,
        tied_embeddings: config.bool("tie_word_embeddings")?.unwrap_or(false),
        biases: facts.map_or_else(|| biases(&config, model_type), |f| Ok(f.biases))?,
        activation: activation(&config)?,
        attention_chunk: match layer_kinds.contains(&LayerKind::Chunked) {
            true => Some(config.size("attention_chunk_size", MAX_TOKENS)?),
            false => None,
        },
        layer_kinds,
        sliding_window,
        rope,
        rope_local,
        attn_logit_softcap: softcap("attn_logit_softcapping")?,
        final_logit_softcap: softcap("final_logit_softcapping")?,
        query_pre_attn_scalar: match model_type {
            "gemma3_text" => Some(config.positive("query_pre_attn_scalar")? as f32),
            _ => None,
        },
        arch,
        wrapper,
        config: Arc::new(config),
        outer: None,
    })
}

pub(super) fn activation(config: &ConfigMap) -> Result<Activation, HyperparamError> {
    let key = if config.get("hidden_activation").is_some() { "hidden_activation" } else { "hidden_act" };
    match config.str(key)? {
        Some("silu" | "swish") => Ok(Activation::Silu),
        Some("gelu") => Ok(Activation::Gelu),
        Some("gelu_pytorch_tanh" | "gelu_new" | "gelu_fast") => Ok(Activation::GeluTanh),
        _ => Err(config.error(key, "silu, gelu, gelu_new or gelu_pytorch_tanh")),
    }
}

/// Which projections have biases: a fact of the class where the configuration has no say in it.
fn biases(config: &ConfigMap, model_type: &str) -> Result<Biases, HyperparamError> {
    let all = config.bool("attention_bias")?.unwrap_or(false);
    Ok(match model_type {
        "qwen2" => Biases { qkv: true, o: false, mlp: false },
        "mistral" | "phi3" => Biases::default(),
        "llama" | "smollm3" => Biases { qkv: all, o: all, mlp: config.bool("mlp_bias")?.unwrap_or(false) },
        _ => Biases { qkv: all, o: all, mlp: false },
    })
}

/// What every layer's queries see, as the classes derive it, and the window of sliding layers.
fn attention_kinds(
    config: &ConfigMap,
    model_type: &str,
    n_layers: usize,
) -> Result<(Vec<LayerKind>, Option<usize>), HyperparamError> {
    let window = config.get("sliding_window").map(|_| config.size("sliding_window", MAX_TOKENS)).transpose();
    let listed = listed_kinds(config, n_layers)?;
    let (kinds, window) = match model_type {
        "llama" => (vec![LayerKind::Full; n_layers], None), // the class reads neither key
        "mistral" | "phi3" => {
            let window = window?;
            let kind = if window.is_some() { LayerKind::Sliding } else { LayerKind::Full };
            if let Some(listed) = listed
                && listed.iter().any(|&l| l != kind)
            {
                return Err(config.error("layer_types", format!("none, or the same kind for all of `{model_type}`")));
            }
            (vec![kind; n_layers], window)
        }
        "qwen2" | "qwen3" => {
            let window = if config.bool("use_sliding_window")?.unwrap_or(false) { window? } else { None };
            let first = config.usize("max_window_layers")?.unwrap_or(0);
            (listed.unwrap_or_else(|| by_layer(n_layers, |i| window.is_some() && i >= first)), window)
        }
        "smollm3" => {
            let window = if config.bool("use_sliding_window")?.unwrap_or(false) { window? } else { None };
            let kinds = match (listed, window) {
                (Some(listed), _) => listed,
                (None, None) => vec![LayerKind::Full; n_layers],
                (None, Some(_)) => {
                    let rotary = rotary_layers(config, n_layers)?;
                    by_layer(n_layers, |i| !rotary[i])
                }
            };
            (kinds, window)
        }
        "gemma3_text" => {
            let pattern = match interval(config, "sliding_window_pattern")? {
                Some(pattern) => Some(pattern),
                None => interval(config, "_sliding_window_pattern")?,
            };
            let pattern = pattern.unwrap_or(6);
            (listed.unwrap_or_else(|| by_layer(n_layers, |i| !(i + 1).is_multiple_of(pattern))), window?)
        }
        "llama4_text" => (llama4_kinds(config, n_layers, listed)?, None),
        _ => (listed.unwrap_or_else(|| vec![LayerKind::Full; n_layers]), window?),
    };
    if kinds.contains(&LayerKind::Sliding) && window.is_none() {
        return Err(config.error("sliding_window", "a window, since `layer_types` has sliding layers"));
    }
    Ok((kinds, window))
}

fn by_layer(n_layers: usize, sliding: impl Fn(usize) -> bool) -> Vec<LayerKind> {
    (0..n_layers).map(|i| if sliding(i) { LayerKind::Sliding } else { LayerKind::Full }).collect()
}

/// `layer_types`, one word per layer.
fn listed_kinds(config: &ConfigMap, n_layers: usize) -> Result<Option<Vec<LayerKind>>, HyperparamError> {
    let expected = || config.error("layer_types", "full_, sliding_ or chunked_attention for each layer");
    let Some(words) = config.strings("layer_types")? else { return Ok(None) };
    let kind = |word: &String| match word.as_str() {
        "full_attention" => Some(LayerKind::Full),
        "sliding_attention" => Some(LayerKind::Sliding),
        "chunked_attention" => Some(LayerKind::Chunked),
        _ => None,
    };
    let kinds: Vec<LayerKind> = words.iter().map(kind).collect::<Option<_>>().ok_or_else(expected)?;
    if kinds.len() == n_layers { Ok(Some(kinds)) } else { Err(expected()) }
}

fn llama4_kinds(
    config: &ConfigMap,
    n_layers: usize,
    listed: Option<Vec<LayerKind>>,
) -> Result<Vec<LayerKind>, HyperparamError> {
    if let Some(listed) = listed {
        return Ok(listed);
    }
    let rotary = rotary_layers(config, n_layers)?;
    Ok(rotary.into_iter().map(|r| if r { LayerKind::Chunked } else { LayerKind::Full }).collect())
}

/// Every how many layers one is different.
fn interval(config: &ConfigMap, key: &str) -> Result<Option<usize>, HyperparamError> {
    match config.usize(key)? {
        Some(0) => Err(config.error(key, "a whole number from 1")),
        layers => Ok(layers),
    }
}

/// Which layers rotate: see [`Hyperparams::rotary_layers`].
pub(super) fn rotary_layers(config: &ConfigMap, n_layers: usize) -> Result<Vec<bool>, HyperparamError> {
    match config.flags("no_rope_layers")?.filter(|flags| !flags.is_empty()) {
        Some(flags) if flags.len() >= n_layers => Ok(flags[..n_layers].to_vec()),
        Some(_) => Err(config.error("no_rope_layers", format!("one flag for each of {n_layers} layers"))),
        None => {
            let interval = interval(config, "no_rope_layer_interval")?.unwrap_or(4);
            Ok((0..n_layers).map(|i| !(i + 1).is_multiple_of(interval)).collect())
        }
    }
}
