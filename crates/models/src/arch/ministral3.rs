//! Ministral 3: Mistral without a window, whose queries grow with the position. Source: transformers modeling_ministral3.py,
//! configuration_ministral3.py; llama.cpp convert_hf_to_gguf.py (`Mistral3Model`), src/models/mistral3.cpp.

use plimsoll_graph::{Network, Temperature};
use serde_json::json;

use super::{Arch, Class, Gguf, RopeDefaults, TokenizerClass, llama};
use crate::config::{GgufConfig, Hyperparams, RopeScaling, layers};
use crate::{HyperparamError, ModelError};

pub(crate) const ARCH: Arch = Arch {
    name: "mistral3",
    classes: &[CLASS],
    gguf: Gguf { reads: &["rope.scaling.yarn_log_multiplier"], facts, ..llama::ARCH.gguf },
    build,
    ..llama::ARCH
};

const CLASS: Class = Class {
    model_type: "ministral3",
    defaults: || {
        json!({
            "vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 34,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "hidden_act": "silu",
            "max_position_embeddings": 262144, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2,
            "tie_word_embeddings": false,
            "rope_parameters": {
                "rope_type": "yarn", "rope_theta": 1e6, "factor": 16.0, "original_max_position_embeddings": 16384,
                "beta_fast": 32.0, "beta_slow": 1.0, "mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1,
            },
        })
    },
    reads: &[],
    layers: layers::alike,
    rope: RopeDefaults { theta: 1e6, ..llama::CLASS.rope },
    tokenizer: TokenizerClass::File,
    ..llama::CLASS
};

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    let key = config.key("attention.temperature_scale");
    if let Some(scale) = config.number(&key)? {
        config.keys.insert_as("llama_4_scaling_beta", &key, scale);
    }
    Ok(())
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let temperature = match (hp.rotary_f32("llama_4_scaling_beta")?, &hp.rope.scaling) {
        (None | Some(0.0), _) => None,
        (Some(scale), RopeScaling::Yarn { original_max, .. }) => {
            Some(Temperature { ahead: 0.0, floor: *original_max as f32, scale })
        }
        (Some(_), _) => return Err(hp.error("llama_4_scaling_beta", "none without YaRN, whose context it counts by").into()),
    };
    llama::decoder(hp, |_, attention| attention.temperature = temperature)
}
