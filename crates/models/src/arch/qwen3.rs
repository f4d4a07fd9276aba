//! Qwen3: Llama with a norm on the queries and keys of each head. Source: transformers modeling_qwen3.py,
//! configuration_qwen3.py; llama.cpp convert_hf_to_gguf.py.

use serde_json::json;

use super::{Arch, Class, Gguf, RotaryRows, TokenizerClass, llama};
use crate::blocks::QkNorm;
use crate::config::layers;

pub(crate) const ARCH: Arch = Arch {
    name: "qwen3",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &[("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm")],
        rotary_rows: RotaryRows::Halves,
        ..llama::ARCH.gguf
    },
    mlx_lacks: |hp| if hp.biases.o { Some("its biases of attention") } else { llama::mlx_lacks_window(hp) },
    build: |hp| llama::decoder(hp, |_, attention| attention.qk_norm = Some(QkNorm::Gain { offset: 0.0 })),
    ..llama::ARCH
};

pub(super) const CLASS: Class = Class {
    model_type: "qwen3",
    defaults: || {
        json!({
            "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": 128, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
            "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
        })
    },
    reads: &["attention_bias"],
    layers: layers::from_max_window_layers,
    tokenizer: TokenizerClass::OrElse("Qwen2Tokenizer"),
    ..llama::CLASS
};
