//! What the configuration classes of transformers 5.23 supply for keys that published files omit
//! (`configuration_*.py`). Applied to `config.json` only: GGUF metadata states its sizes or is refused.

use serde_json::{Value, json};

use crate::folder::JsonObject;

/// Class defaults of a text `model_type`; `None` if the type is not known here.
pub(super) fn class_defaults(model_type: &str) -> Option<JsonObject> {
    let values = match model_type {
        "llama" => json!({
            "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6,
            "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": false,
        }),
        "mistral" => json!({
            "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu",
            "max_position_embeddings": 131072, "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2,
            "tie_word_embeddings": false, "sliding_window": 4096,
        }),
        "smollm3" => json!({
            "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
            "num_attention_heads": 16, "num_key_value_heads": 4, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "pad_token_id": 128004, "bos_token_id": 128000,
            "eos_token_id": 128001, "use_sliding_window": false, "no_rope_layer_interval": 4,
            "tie_word_embeddings": true,
        }),
        "qwen2" => json!({
            "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 32, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
            "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
        }),
        "qwen3" => json!({
            "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": 128, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
            "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
        }),
        "phi3" => json!({
            "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 4096,
            "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "tie_word_embeddings": false,
            "bos_token_id": 1, "eos_token_id": 32000, "pad_token_id": 32000,
        }),
        "gemma3_text" => json!({
            "vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": true,
            "query_pre_attn_scalar": 256, "sliding_window": 4096,
        }),
        "llama4_text" => json!({
            "vocab_size": 202048, "hidden_size": 5120, "intermediate_size": 8192, "intermediate_size_mlp": 16384,
            "num_hidden_layers": 48, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
            "hidden_act": "silu", "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "bos_token_id": 1,
            "eos_token_id": 2, "tie_word_embeddings": false, "num_experts_per_tok": 1, "num_local_experts": 16,
            "interleave_moe_layer_step": 1, "use_qk_norm": true, "no_rope_layer_interval": 4,
            "attention_chunk_size": 8192, "attn_temperature_tuning": true, "floor_scale": 8192, "attn_scale": 0.1,
        }),
        _ => return None,
    };
    match values {
        Value::Object(map) => Some(map),
        _ => unreachable!("every arm is an object"),
    }
}

/// Class defaults of the vision part of a multimodal `model_type`, under the names that [`super::VisionParams`] reads,
/// and those of the wrapper that concern it; empty if the type has no tower here.
pub(super) fn vision_defaults(model_type: &str) -> JsonObject {
    let values = match model_type {
        "idefics3" | "smolvlm" => json!({
            "hidden_size": 1152, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 16,
            "num_channels": 3, "image_size": 224, "patch_size": 32, "hidden_act": "gelu_pytorch_tanh",
            "layer_norm_eps": 1e-6, "scale_factor": 2, "image_token_id": 128257,
        }),
        "llama4" => json!({
            "hidden_size": 768, "intermediate_size": 5632, "num_hidden_layers": 34, "num_attention_heads": 16,
            "num_channels": 3, "image_size": 448, "patch_size": 14, "pixel_shuffle_ratio": 0.5,
            "projector_input_dim": 4096, "projector_output_dim": 4096, "rope_theta": 10000.0,
            "image_token_id": 200092,
        }),
        _ => return JsonObject::new(),
    };
    values.as_object().cloned().unwrap_or_default()
}

/// What a multimodal wrapper class says of its text model: the `model_type` it has if the file does not say, and
/// whether embeddings are tied if the wrapper does not say.
pub(super) fn wrapper_defaults(model_type: &str) -> Option<(&'static str, bool)> {
    Some(match model_type {
        "idefics3" | "smolvlm" => ("llama", false),
        "gemma3" => ("gemma3_text", true),
        "llama4" => ("llama4_text", false),
        _ => return None,
    })
}

/// Keys that a wrapper class gives its text model where the file says nothing of it, beyond the text class's own.
pub(super) fn wrapped_text(model_type: &str) -> JsonObject {
    match model_type {
        "idefics3" | "smolvlm" => [("rms_norm_eps".to_owned(), json!(1e-5))].into_iter().collect(),
        _ => JsonObject::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{family, known_architectures};

    #[test]
    fn every_known_type_has_its_defaults_and_every_wrapper_a_known_type() {
        for name in known_architectures() {
            let model_type = wrapper_defaults(name).map_or(name, |(text, _)| text);
            assert!(class_defaults(model_type).is_some() && family(model_type) == family(name), "{name}");
        }
    }
}
