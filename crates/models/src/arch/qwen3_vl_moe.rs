//! The text half of Qwen3-VL with experts: the same in whose MLPs are mixtures, stored transposed. Source: transformers
//! modeling_qwen3_vl_moe.py, configuration_qwen3_vl_moe.py, conversion_mapping.py; llama.cpp src/models/qwen3vlmoe.cpp.

use serde_json::json;

use super::{Arch, Class, Gguf, llama, qwen3, qwen3_moe, qwen3_vl};
use crate::HyperparamError;
use crate::config::GgufConfig;

pub(crate) const ARCH: Arch = Arch {
    name: "qwen3vlmoe",
    classes: &[CLASS],
    unwritten: qwen3_vl::ARCH.unwritten,
    gguf: Gguf { facts, ..qwen3_moe::ARCH.gguf },
    transposed: &[
        ("mlp.experts.gate_up_proj", &["mlp.experts.gate_proj", "mlp.experts.up_proj"]),
        ("mlp.experts.down_proj", &["mlp.experts.down_proj"]),
    ],
    build: |hp| qwen3_vl::decoder(hp, qwen3_moe::mlp(hp)?),
    ..qwen3_moe::ARCH
};

const CLASS: Class = Class {
    model_type: "qwen3_vl_moe_text",
    defaults: || {
        json!({
            "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 24,
            "num_attention_heads": 16, "num_key_value_heads": 16, "hidden_act": "silu",
            "max_position_embeddings": 128000, "rms_norm_eps": 1e-6, "tie_word_embeddings": true,
            "decoder_sparse_step": 1, "moe_intermediate_size": 1408, "num_experts_per_tok": 4, "num_local_experts": 60,
        })
    },
    spelled: &[("num_experts", "num_local_experts")],
    // The class reads no such key: its router always does.
    settle: |config| {
        config.insert_as("norm_topk_prob", "norm_topk_prob", true);
        Ok(())
    },
    reads: &["attention_bias", "num_local_experts"],
    layers: llama::CLASS.layers,
    rope: qwen3_vl::ROPE,
    ..qwen3::CLASS
};

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    qwen3_moe::facts(config)?;
    qwen3_vl::facts(config)
}
