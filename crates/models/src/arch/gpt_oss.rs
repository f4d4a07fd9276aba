//! gpt-oss: sinks in attention, every other layer with a window, experts with biases and a clamped gate. Source:
//! transformers modeling_gpt_oss.py, configuration_gpt_oss.py; llama.cpp convert_hf_to_gguf.py (`GptOssModel`),
//! src/models/openai-moe-iswa.cpp.

use plimsoll_graph::{Gating, Moe, Network, Score};
use serde_json::json;

use super::{Arch, Class, GateUp, Gguf, RopeDefaults, RotaryRows, TokenizerClass, Window, llama};
use crate::config::{Biases, GgufConfig, Hyperparams, LayerKeys, Layers};
use crate::mixture::Mixture;
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "gpt-oss",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &[
            ("post_attention_norm", "post_attention_layernorm"),
            ("attn_sinks.weight", "self_attn.sinks"),
            ("ffn_gate_inp", "mlp.router"),
            ("ffn_gate_exps.weight", "mlp.experts.gate_proj"),
            ("ffn_up_exps.weight", "mlp.experts.up_proj"),
            ("ffn_down_exps.weight", "mlp.experts.down_proj"),
            ("ffn_gate_exps.bias", "mlp.experts.gate_proj_bias"),
            ("ffn_up_exps.bias", "mlp.experts.up_proj_bias"),
            ("ffn_down_exps.bias", "mlp.experts.down_proj_bias"),
        ],
        rotary_rows: RotaryRows::Halves,
        window: Window::Read,
        facts,
        ..llama::ARCH.gguf
    },
    gate_up: GateUp::Alternate,
    transposed: &[("mlp.experts.down_proj", &["mlp.experts.down_proj"])],
    writes_mlx: false,
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "gpt_oss",
    defaults: || {
        json!({
            "vocab_size": 201088, "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 36,
            "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 64, "hidden_act": "silu",
            "max_position_embeddings": 131072, "rms_norm_eps": 1e-5, "tie_word_embeddings": false, "sliding_window": 128,
            "num_local_experts": 128, "num_experts_per_tok": 4, "swiglu_alpha": 1.702, "swiglu_limit": 7.0,
            "attention_bias": true,
            "rope_parameters": {
                "rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false,
                "original_max_position_embeddings": 4096,
            },
        })
    },
    reads: &["attention_bias", "num_local_experts"],
    layers: every_other,
    rope: RopeDefaults { theta: 150_000.0, ..llama::CLASS.rope },
    biases: Biases::NONE,
    tokenizer: TokenizerClass::File,
    ..llama::CLASS
};

/// Where no kinds are listed, every other layer slides, the first too.
fn every_other(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let window = keys.window()?;
    let by_number = || keys.sliding_where(|i| i.is_multiple_of(2));
    Ok(Layers { kinds: keys.listed.clone().unwrap_or_else(by_number), window })
}

/// llama.cpp has the gate in its code, and its files do not say that the bounds of YaRN are not rounded.
fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    config.known("swiglu_alpha", 1.702);
    config.known("swiglu_limit", 7.0);
    if let Some(mut scaling) = config.keys.get("rope_scaling").cloned() {
        scaling["truncate"] = json!(false);
        let key = config.key("rope.scaling");
        config.keys.insert_as("rope_scaling", &key, scaling);
    }
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mixture = Mixture::read(hp)?;
    let limit = hp.f32("swiglu_limit")?.unwrap_or(7.0);
    if limit <= 0.0 {
        return Err(hp.error("swiglu_limit", "a number greater than 0").into());
    }
    let moe = Moe {
        router_bias: true,
        biases: true,
        gating: Gating::Clamped { limit, alpha: hp.f32("swiglu_alpha")?.unwrap_or(1.702) },
        ..mixture.gated(hp, "mlp.router", "mlp.experts", Score::SoftmaxOfChosen, None)
    };
    llama::decoder_with(hp, |_, attention| attention.sinks = true, |layer, _, h| layer.moe(h, &moe))
}
