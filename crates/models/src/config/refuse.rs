//! Keys that would change the arithmetic and are not supported: refused by name, never ignored.

use plimsoll_formats::mlx::QUANTIZATION;
use plimsoll_formats::{ConfigMap, HyperparamError};
use serde_json::Value;

use super::parse::EXPERTS;
use crate::arch::Class;

/// Keys of text configurations that may only have a neutral value where the class does not read them: the key, the neutral
/// value, what it would ask for.
/// Keys that are another class's alone (a `sliding_window` where no layer slides) are no such keys: the
/// reference ignores them, so ignoring them is the model's arithmetic.
pub(crate) const NEUTRAL: [(&str, Neutral, &str); 14] = [
    ("use_bidirectional_attention", Neutral::False, "causal attention"),
    ("is_causal", Neutral::True, "causal attention"),
    ("attention_sinks", Neutral::Absent, "attention without sinks"),
    ("use_attention_sinks", Neutral::False, "attention without sinks"),
    ("clip_qkv", Neutral::Absent, "no clipping of queries, keys and values"),
    ("alibi", Neutral::False, "rotary position embedding"),
    ("embedding_multiplier", Neutral::Number(1.0), "no scale on embeddings"),
    ("residual_multiplier", Neutral::Number(1.0), "no scale on residuals"),
    ("logits_scaling", Neutral::Number(1.0), "no scale on logits"),
    ("attention_multiplier", Neutral::Absent, "attention scaled by the head's width"),
    ("logit_scale", Neutral::Number(1.0), "no scale on logits"),
    ("parallel_residual", Neutral::False, "sequential residuals"),
    ("use_parallel_residual", Neutral::False, "sequential residuals"),
    ("expert_weights_scale", Neutral::Number(1.0), "unscaled experts"),
];

#[derive(Clone, Copy)]
pub(crate) enum Neutral {
    Absent,
    False,
    True,
    Number(f64),
}

/// Checks a text model's configuration, old and new keys alike.
pub(super) fn unsupported(config: &ConfigMap, class: &Class) -> Result<(), HyperparamError> {
    for (key, neutral, expected) in NEUTRAL {
        let Some(value) = config.get(key).filter(|_| !class.reads(key)) else { continue };
        let honoured = match neutral {
            Neutral::Absent => false,
            Neutral::False => value == &Value::Bool(false),
            Neutral::True => value == &Value::Bool(true),
            Neutral::Number(n) => value.as_f64() == Some(n),
        };
        if !honoured {
            return Err(config.error(key, expected));
        }
    }
    for key in EXPERTS {
        if !class.reads(EXPERTS[0]) && config.usize(key)?.is_some_and(|n| n > 0) {
            return Err(config.error(key, format!("none: `{}` is served dense only", class.model_type)));
        }
    }
    Ok(())
}

/// Weights in a packing of their own (GPTQ, AWQ, compressed-tensors, bitsandbytes, FP8) are refused by method. MLX's, which
/// has none, is told by the key that MLX alone writes.
pub(super) fn quantised(config: &ConfigMap) -> Result<(), HyperparamError> {
    let method = config.object("quantization_config")?.is_some_and(|object| object.mentions("quant_method"));
    if !method && config.object(QUANTIZATION)?.is_some() {
        return Ok(());
    }
    for key in ["quantization_config", "compression_config"] {
        let Some(object) = config.object(key)? else { continue };
        return Err(match object.str("quant_method") {
            // Codes and scales of experts, which `mxfp4.rs` reads.
            Ok(Some("mxfp4")) => continue,
            Ok(Some(_)) => object.error("quant_method", "weights in F32, F16 or BF16, or a GGUF file"),
            _ => config.error(key, "weights in F32, F16 or BF16, or a GGUF file"),
        });
    }
    Ok(())
}
