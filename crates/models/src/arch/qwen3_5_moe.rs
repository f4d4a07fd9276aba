//! Qwen3.5 with experts: its layers with a mixture for every MLP and an expert that all tokens share. Source: transformers
//! modeling_qwen3_5_moe.py, configuration_qwen3_5_moe.py; llama.cpp convert_hf_to_gguf.py, src/models/qwen35moe.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Network, Score};
use serde_json::json;

use super::{Arch, Class, Gguf, Name, joined, qwen3_5};
use crate::blocks;
use crate::config::{Activation, GgufConfig, Hyperparams, MAX_WIDTH};
use crate::mixture::Mixture;
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "qwen35moe",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &TENSORS,
        facts,
        ..qwen3_5::ARCH.gguf
    },
    build,
    ..qwen3_5::ARCH
};

/// Its names in GGUF files.
const TENSORS: [Name; 20] = joined(
    qwen3_5::TENSORS,
    [
        ("ffn_gate_inp", "mlp.gate"),
        ("ffn_gate_exps.weight", "mlp.experts.gate_proj"),
        ("ffn_up_exps.weight", "mlp.experts.up_proj"),
        ("ffn_down_exps.weight", "mlp.experts.down_proj"),
        ("ffn_gate_shexp", "mlp.shared_expert.gate_proj"),
        ("ffn_up_shexp", "mlp.shared_expert.up_proj"),
        ("ffn_down_shexp", "mlp.shared_expert.down_proj"),
        ("ffn_gate_inp_shexp", "mlp.shared_expert_gate"),
    ],
);

const CLASS: Class = Class {
    model_type: "qwen3_5_moe_text",
    defaults: || {
        json!({
            "vocab_size": 248320, "hidden_size": 2048, "num_hidden_layers": 40, "num_attention_heads": 16,
            "num_key_value_heads": 2, "hidden_act": "silu", "max_position_embeddings": 32768, "rms_norm_eps": 1e-6,
            "tie_word_embeddings": false, "head_dim": 256, "linear_conv_kernel_dim": 4, "linear_key_head_dim": 128,
            "linear_value_head_dim": 128, "linear_num_key_heads": 16, "linear_num_value_heads": 32,
            "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512, "num_experts_per_tok": 8,
            "num_local_experts": 256, "partial_rotary_factor": 0.25,
        })
    },
    spelled: &[("num_experts", "num_local_experts")],
    settle,
    reads: &["attention_bias", "partial_rotary_factor", "linear_attention", "num_local_experts"],
    ..qwen3_5::CLASS
};

/// There is no MLP but experts.
fn settle(config: &mut ConfigMap) -> Result<(), HyperparamError> {
    (qwen3_5::CLASS.settle)(config)?;
    let width = config.size("moe_intermediate_size", MAX_WIDTH)?;
    config.insert_as("intermediate_size", "moe_intermediate_size", width);
    Ok(())
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    qwen3_5::facts(config)?;
    let key = config.key("expert_shared_feed_forward_length");
    let shared = config.number(&key)?;
    config.keys.insert_as("shared_expert_intermediate_size", &key, shared.unwrap_or_default());
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mixture = Mixture::read(hp)?;
    let shared_width = hp.size("shared_expert_intermediate_size", MAX_WIDTH)?;
    let moe = mixture.gated(hp, "mlp.gate", "mlp.experts", Score::Softmax, Some(0.0));
    qwen3_5::decoder(hp, |layer, h| {
        let shared = blocks::gated_mlp(layer, h, "mlp.shared_expert", shared_width, hp);
        let gate = layer.linear(h, "mlp.shared_expert_gate", 1, false);
        let gate = layer.net().activate(gate, Activation::Sigmoid);
        let shared = layer.net().scale_groups(shared, gate);
        let routed = layer.moe(h, &moe);
        layer.net().add(routed, shared)
    })
}
