//! Qwen2, Qwen2.5: Llama with biases on queries, keys and values. Source: transformers modeling_qwen2.py,
//! configuration_qwen2.py; llama.cpp convert_hf_to_gguf.py.

use serde_json::json;

use super::{Arch, Class, Gguf, RotaryRows, TokenizerClass, llama};
use crate::config::{Biases, layers};

pub(crate) const ARCH: Arch =
    Arch {
    name: "qwen2",
    classes: &[CLASS],
    gguf: Gguf { rotary_rows: RotaryRows::Halves, ..llama::ARCH.gguf },
    mlx_lacks: llama::mlx_lacks_window,
    ..llama::ARCH
};

pub(super) const CLASS: Class = Class {
    model_type: "qwen2",
    defaults: || {
        json!({
            "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 32, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
            "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
        })
    },
    reads: &[],
    biases: Biases { qkv: true, ..Biases::NONE },
    layers: layers::from_max_window_layers,
    tokenizer: TokenizerClass::Always("Qwen2Tokenizer"),
    ..llama::CLASS
};
