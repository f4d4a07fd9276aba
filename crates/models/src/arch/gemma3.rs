//! Gemma 3 text: Gemma 2 with queries and keys normed, local layers with frequencies of their own, and tokens of a picture that
//! see each other. Source: transformers modeling_gemma3.py, configuration_gemma3.py; llama.cpp
//! convert_hf_to_gguf.py, llama-model.cpp.

use plimsoll_graph::Ahead;
use serde_json::json;

use super::gemma::GAIN;
use super::{Arch, Class, Gguf, Name, RopeDefaults, TokenizerClass, gemma2, joined, llama};
use crate::HyperparamError;
use crate::blocks::QkNorm;
use crate::config::{GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers};

pub(crate) const ARCH: Arch = Arch {
    name: "gemma3",
    classes: &[CLASS],
    gguf: Gguf {
        tensors: &TENSORS,
        facts,
        ..gemma2::ARCH.gguf
    },
    writes_mlx: true,
    mlx_lacks,
    build: |hp| {
        // The pictures' tokens see each other; a network that is given none has none.
        gemma2::decoder(hp, Ahead::Picture, |attention| {
            attention.qk_norm = Some(QkNorm::Gain { offset: GAIN });
        })
    },
    ..gemma2::ARCH
};

const TENSORS: [Name; 5] = joined(
    gemma2::TENSORS,
    [("attn_q_norm", "self_attn.q_norm"), ("attn_k_norm", "self_attn.k_norm")],
);

const CLASS: Class = Class {
    model_type: "gemma3_text",
    defaults: || {
        json!({
            "vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 131072, "rms_norm_eps": 1e-6,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": true,
            "query_pre_attn_scalar": 256, "sliding_window": 4096,
        })
    },
    // `attn_logit_softcapping` is left over: the class has the key, and its attention is never given it.
    reads: &["attention_bias", "query_pre_attn_scalar", "final_logit_softcapping"],
    layers,
    rope: RopeDefaults { theta: 1_000_000.0, local_theta: Some(10_000.0), ..llama::CLASS.rope },
    tokenizer: TokenizerClass::OrElse("GemmaTokenizer"),
    ..llama::CLASS
};

/// Its class caps no logits, and every sixth layer sees all unless the key tells another number.
fn mlx_lacks(hp: &Hyperparams) -> Option<&'static str> {
    let every = hp.usize("sliding_window_pattern").ok().flatten().unwrap_or(6);
    let kind = |layer: usize| if (layer + 1).is_multiple_of(every) { LayerKind::Full } else { LayerKind::Sliding };
    if hp.final_logit_softcap.is_some() {
        return Some("the cap of its logits");
    }
    let regular = hp.n_layers >= every && hp.layer_kinds.iter().enumerate().all(|(layer, found)| *found == kind(layer));
    (!regular).then_some("which of its layers see all")
}

/// Where no kinds are listed, every so many layers one sees all.
fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let pattern = match keys.interval("sliding_window_pattern")? {
        Some(pattern) => Some(pattern),
        None => keys.interval("_sliding_window_pattern")?,
    };
    let pattern = pattern.unwrap_or(6);
    let by_pattern = || keys.sliding_where(|i| !(i + 1).is_multiple_of(pattern));
    Ok(Layers { kinds: keys.listed.clone().unwrap_or_else(by_pattern), window: keys.window()? })
}

fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    if !gemma2::listed(config)? {
        let key = config.key(gemma2::PATTERN);
        let pattern = config.gguf.uint(&key)?.unwrap_or(6);
        config.keys.insert_as("sliding_window_pattern", &key, pattern);
    }
    // The 27B divides scores by another root.
    gemma2::scores(config, 62)
}
