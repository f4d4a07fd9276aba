//! The text half of Qwen3-VL: Qwen3 whose first layers are given more of each picture, and whose pairs turn by rows and columns.
//! Source: transformers modeling_qwen3_vl.py, configuration_qwen3_vl.py; llama.cpp src/models/qwen3vl.cpp.

use plimsoll_graph::{Network, Scope, ValueId};
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, Sections, llama, qwen3};
use crate::blocks::{Attention, QkNorm};
use crate::config::{GgufConfig, Hyperparams};
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "qwen3vl",
    classes: &[CLASS],
    unwritten: Some("what its first layers are given of pictures"),
    gguf: Gguf { facts, ..qwen3::ARCH.gguf },
    writes_mlx: false,
    build: |hp| decoder(hp, llama::gated_mlp(hp)),
    ..qwen3::ARCH
};

/// How many layers are given something.
const DEEP: &str = "num_deepstack_layers";

const CLASS: Class = Class {
    model_type: "qwen3_vl_text",
    defaults: || {
        json!({
            "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 32, "head_dim": 128, "hidden_act": "silu",
            "max_position_embeddings": 128000, "rms_norm_eps": 1e-6, "tie_word_embeddings": false,
        })
    },
    layers: llama::CLASS.layers,
    rope: ROPE,
    ..qwen3::CLASS
};

pub(super) const ROPE: RopeDefaults = RopeDefaults {
    theta: 500_000.0,
    sections: Some(Sections { interleaved: true, usual: [24, 20, 20] }),
    ..llama::CLASS.rope
};

/// The decoder, with this MLP.
pub(super) fn decoder(
    hp: &Hyperparams,
    mlp: impl Fn(&mut Scope<'_>, usize, ValueId) -> ValueId,
) -> Result<Network, ModelError> {
    let deep = hp.usize(DEEP)?.unwrap_or(0);
    if deep > hp.n_layers {
        return Err(hp.error(DEEP, format!("at most {} layers", hp.n_layers)).into());
    }
    let norm = |_, attention: &mut Attention| attention.qk_norm = Some(QkNorm::Gain { offset: 0.0 });
    llama::decoder_of(hp, norm, mlp, |net, layer, x| if layer < deep { net.add_given(x, 1 + layer) } else { x })
}

pub(super) fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    config.numbers(&[("n_deepstack_layers", DEEP)])?;
    config.sections()
}
