//! LFM2 with experts: all but the first layers' MLPs are mixtures, chosen by sigmoids with a bias. Source: transformers
//! modeling_lfm2_moe.py, configuration_lfm2_moe.py; llama.cpp convert_hf_to_gguf.py (`LFM2MoeModel`).

use plimsoll_graph::{Moe, Network, Routing, Score};
use serde_json::json;

use super::{Arch, Class, Gguf, Name, joined, lfm2};
use crate::blocks;
use crate::config::{GgufConfig, Hyperparams};
use crate::mixture::Mixture;
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "lfm2moe",
    classes: &[CLASS],
    published: &PUBLISHED,
    gguf: Gguf {
        tensors: &TENSORS,
        facts,
        ..lfm2::ARCH.gguf
    },
    build,
    ..lfm2::ARCH
};

/// Its names in safetensors files.
const PUBLISHED: [Name; 14] = joined(
    lfm2::PUBLISHED,
    [
        ("feed_forward.gate", "mlp.gate"),
        ("feed_forward.expert_bias", "mlp.expert_bias"),
        ("feed_forward.experts.w1", "mlp.experts.gate_proj"),
        ("feed_forward.experts.w3", "mlp.experts.up_proj"),
        ("feed_forward.experts.w2", "mlp.experts.down_proj"),
    ],
);

/// Its names in GGUF files.
const TENSORS: [Name; 11] = joined(
    lfm2::TENSORS,
    [
        ("ffn_gate_inp", "mlp.gate"),
        ("exp_probs_b.bias", "mlp.expert_bias"),
        ("ffn_gate_exps.weight", "mlp.experts.gate_proj"),
        ("ffn_up_exps.weight", "mlp.experts.up_proj"),
        ("ffn_down_exps.weight", "mlp.experts.down_proj"),
    ],
);

const CLASS: Class = Class {
    model_type: "lfm2_moe",
    defaults: || {
        json!({
            "vocab_size": 65536, "hidden_size": 2048, "intermediate_size": 7168, "moe_intermediate_size": 1792,
            "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu",
            "max_position_embeddings": 128000, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2,
            "tie_word_embeddings": true, "conv_bias": false, "conv_L_cache": 3, "num_dense_layers": 2,
            "num_experts_per_tok": 4, "num_local_experts": 32, "use_expert_bias": true, "routed_scaling_factor": 1.0,
            "norm_topk_prob": true,
        })
    },
    spelled: &[
        ("norm_eps", "rms_norm_eps"),
        ("tie_embedding", "tie_word_embeddings"),
        ("num_experts", "num_local_experts"),
    ],
    settle: |_| Ok(()),
    reads: &["conv", "num_local_experts"],
    ..lfm2::CLASS
};

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    (lfm2::ARCH.gguf.facts)(config)?;
    config.only("expert_gating_func", 2.0)?; // sigmoid
    let key = config.key("leading_dense_block_count");
    let dense = config.number(&key)?;
    config.keys.insert_as("num_dense_layers", &key, dense.unwrap_or_default());
    config.known("norm_topk_prob", true);
    config.known("use_expert_bias", true);
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mixture = Mixture::read(hp)?;
    let dense = hp.usize("num_dense_layers")?.unwrap_or(0);
    let renormalised = hp.bool("norm_topk_prob")?.unwrap_or(true).then_some(1e-6);
    let moe = mixture.gated(hp, "mlp.gate", "mlp.experts", Score::Sigmoid, renormalised);
    let moe = Moe {
        choice_bias: hp.bool("use_expert_bias")?.unwrap_or(true).then_some("mlp.expert_bias"),
        routing: Routing { factor: hp.f32("routed_scaling_factor")?.unwrap_or(1.0), ..moe.routing },
        ..moe
    };
    lfm2::decoder(hp, |layer, i, h| match i < dense {
        true => blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp),
        false => layer.moe(h, &moe),
    })
}
