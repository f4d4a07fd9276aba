//! SmolLM3: Llama whose every fourth layer has no rotary embedding. Source: transformers modeling_smollm3.py,
//! configuration_smollm3.py; llama.cpp convert_hf_to_gguf.py, llama-model.cpp.

use plimsoll_graph::Network;
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, llama};
use crate::config::{Hyperparams, LayerKeys, Layers, layers};
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "smollm3",
    classes: &[CLASS],
    gguf: Gguf {
        facts: |config| {
            config.known("no_rope_layer_interval", 4);
            Ok(())
        },
        ..llama::ARCH.gguf
    },
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "smollm3",
    defaults: || {
        json!({
            "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
            "num_attention_heads": 16, "num_key_value_heads": 4, "hidden_act": "silu",
            "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "pad_token_id": 128004, "bos_token_id": 128000,
            "eos_token_id": 128001, "use_sliding_window": false, "no_rope_layer_interval": 4,
            "tie_word_embeddings": true,
        })
    },
    layers,
    rope: RopeDefaults { theta: 2_000_000.0, ..llama::CLASS.rope },
    ..llama::CLASS
};

/// Where a window is in use and no kinds are listed, the layers without rotary embedding slide.
fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let window = if keys.uses_window()? { keys.window()? } else { None };
    let kinds = match (&keys.listed, window) {
        (Some(listed), _) => listed.clone(),
        (None, None) => return layers::full(keys),
        (None, Some(_)) => {
            let rotary = keys.rotary()?;
            keys.sliding_where(|i| !rotary[i])
        }
    };
    Ok(Layers { kinds, window })
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let rotary = hp.rotary_layers()?;
    llama::decoder(hp, |layer, attention| {
        if !rotary[layer] {
            attention.rope = None;
        }
    })
}
