//! Phi-3, Phi-3.5 mini, Phi-4: Llama with fused projections and, in some, a rotary embedding of part of each head.
//! Source: transformers modeling_phi3.py, configuration_phi3.py; llama.cpp convert_hf_to_gguf.py, llama-vocab.cpp.

use serde_json::json;

use super::{Arch, Class, Fused, Gguf, RopeDefaults, RotaryRows, Rows, TokenizerClass, Window, llama};
use crate::config::{RopeScaling, layers};

pub(crate) const ARCH: Arch = Arch {
    name: "phi3",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &[("attn_qkv", "self_attn.qkv_proj"), ("ffn_up", "mlp.gate_up_proj")],
        rotary_rows: RotaryRows::Halves,
        window: Window::Read,
        strips_after_control: true,
        ..llama::ARCH.gguf
    },
    fused: &[
        Fused {
            stored: "self_attn.qkv_proj",
            parts: &[
                ("self_attn.q_proj", Rows::Heads),
                ("self_attn.k_proj", Rows::KvHeads),
                ("self_attn.v_proj", Rows::KvHeads),
            ],
            in_gguf: true,
        },
        Fused {
            stored: "mlp.gate_up_proj",
            parts: &[("mlp.gate_proj", Rows::Ff), ("mlp.up_proj", Rows::Ff)],
            in_gguf: true,
        },
    ],
    mlx_lacks: |hp| match hp.rope.scaling {
        RopeScaling::LongRope { .. } => Some("what divides its rotary frequencies within the first context"),
        _ => llama::mlx_lacks_window(hp),
    },
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "phi3",
    defaults: || {
        json!({
            "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 4096,
            "original_max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "tie_word_embeddings": false,
            "bos_token_id": 1, "eos_token_id": 32000, "pad_token_id": 32000,
        })
    },
    reads: &["partial_rotary_factor"],
    layers: layers::alike,
    // What early files call it.
    rope: RopeDefaults { aliases: &[("su", "longrope"), ("yarn", "longrope")], ..llama::CLASS.rope },
    tokenizer: TokenizerClass::File,
    ..llama::CLASS
};
