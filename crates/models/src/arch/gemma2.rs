//! Gemma 2: Gemma with norms on both sides of each half, bounded scores and logits, and a window on every other layer. Source:
//! transformers modeling_gemma2.py, configuration_gemma2.py; llama.cpp's conversion/gemma.py (`Gemma2Model`),
//! src/models/gemma2.cpp.

use plimsoll_formats::gguf::MetaValue;
use plimsoll_graph::{Ahead, Builder, Network, RopeLayout};
use serde_json::json;

use super::gemma::{self, GAIN};
use super::{Arch, Class, Gguf, Name, Window, llama};
use crate::blocks::{self, Attention};
use crate::config::{GgufConfig, Hyperparams, LayerKeys, LayerKind, Layers};
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "gemma2",
    classes: &[CLASS],
    gguf: Gguf { tensors: &TENSORS, window: Window::Read, facts, ..gemma::ARCH.gguf },
    build: |hp| decoder(hp, gemma::ahead(hp), |_| {}),
    ..gemma::ARCH
};

/// Its names in GGUF files.
pub(super) const TENSORS: [Name; 3] = [
    ("post_attention_norm", "post_attention_layernorm"),
    ("ffn_norm", "pre_feedforward_layernorm"),
    ("post_ffw_norm", "post_feedforward_layernorm"),
];

const CLASS: Class = Class {
    model_type: "gemma2",
    defaults: || {
        json!({
            "vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "hidden_activation": "gelu_pytorch_tanh", "max_position_embeddings": 8192, "rms_norm_eps": 1e-6,
            "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2, "tie_word_embeddings": true,
            "query_pre_attn_scalar": 256, "sliding_window": 4096, "final_logit_softcapping": 30.0,
            "attn_logit_softcapping": 50.0,
        })
    },
    settle: |config| gemma::check_direction(config),
    reads: &[
        "attention_bias",
        "query_pre_attn_scalar",
        "attn_logit_softcapping",
        "final_logit_softcapping",
        "use_bidirectional_attention",
    ],
    layers,
    ..gemma::CLASS
};

/// Where no kinds are listed, every second sees all.
fn layers(keys: &LayerKeys) -> Result<Layers, HyperparamError> {
    let by_number = || keys.sliding_where(|i| i.is_multiple_of(2));
    Ok(Layers { kinds: keys.listed.clone().unwrap_or_else(by_number), window: keys.window()? })
}

/// The key of which layers slide: a flag for each, or every how many one sees all.
pub(super) const PATTERN: &str = "attention.sliding_window_pattern";

/// Takes the kinds of layers from flags, and tells whether there are some.
pub(super) fn listed(config: &mut GgufConfig) -> Result<bool, HyperparamError> {
    let key = config.key(PATTERN);
    let Some(MetaValue::Array(_)) = config.gguf.get(&key) else { return Ok(false) };
    let flags = config.gguf.bools(&key)?.unwrap_or_default();
    let word = |slides: &bool| if *slides { "sliding_attention" } else { "full_attention" };
    config.keys.insert_as("layer_types", &key, json!(flags.iter().map(word).collect::<Vec<&str>>()));
    Ok(true)
}

/// What llama.cpp takes where files say nothing, and what the 27B (46 layers) divides scores by: the root of d_model / n_heads,
/// all others by that of head_dim.
fn facts(config: &mut GgufConfig) -> Result<(), HyperparamError> {
    for (key, usual) in
        [("attn_logit_softcapping", json!(50.0)), ("final_logit_softcapping", json!(30.0)), ("sliding_window", json!(4096))]
    {
        if config.keys.get(key).is_none() {
            config.known(key, usual);
        }
    }
    if !listed(config)? {
        // Every second layer sees all: another number the class has no key for.
        config.only(PATTERN, 2.0)?;
    }
    scores(config, 46)
}

/// What scores are divided by the root of: the head's width, but in a model of so many layers.
pub(super) fn scores(config: &mut GgufConfig, largest: usize) -> Result<(), HyperparamError> {
    let n_layers = config.keys.usize("num_hidden_layers")?;
    let width = match config.keys.usize("head_dim")? {
        Some(head_dim) if n_layers != Some(largest) => head_dim,
        _ => {
            let heads = config.keys.usize("num_attention_heads")?.unwrap_or(1).max(1);
            config.keys.usize("hidden_size")?.unwrap_or(0) / heads
        }
    };
    let key = config.key("attention.key_length");
    config.keys.insert_as("query_pre_attn_scalar", &key, width);
    Ok(())
}

/// The layers; `adapt` changes their attention. Those with a window turn by frequencies of their own, if there are such.
pub(super) fn decoder(
    hp: &Hyperparams,
    ahead: Ahead,
    adapt: impl Fn(&mut Attention),
) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let global = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let local = hp.rope_local.as_ref().map_or(global, |local| net.rope_spec(rope::spec(local, RopeLayout::Halves)));
    let mut x = net.embed_times(EMBEDDING, hp.d_model, (hp.d_model as f32).sqrt());
    for i in 0..hp.n_layers {
        let rope = if hp.layer_kinds[i] == LayerKind::Sliding { local } else { global };
        let mut attention = Attention { mask: llama::mask(hp, i), ahead, ..Attention::plain(hp, Some(rope)) };
        adapt(&mut attention);
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let a = blocks::self_attention(layer, h, hp, &attention);
        let a = layer.rms_norm(a, "post_attention_layernorm", hp.d_model, hp.rms_eps, GAIN);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "pre_feedforward_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let m = blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp);
        let m = layer.rms_norm(m, "post_feedforward_layernorm", hp.d_model, hp.rms_eps, GAIN);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, GAIN);
    Ok(net.finish(logits)?)
}
