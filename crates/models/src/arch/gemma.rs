//! Gemma: Llama with gains stored less one and embeddings times the root of their width. Around it PaliGemma lets the tokens of
//! a prompt see each other. Source: transformers modeling_gemma.py, configuration_gemma.py; llama.cpp's conversion/gemma.py
//! (`GemmaModel`), src/models/gemma.cpp.

use plimsoll_formats::ConfigMap;
use plimsoll_graph::{Ahead, Builder, Network, RopeLayout};
use serde_json::{Value, json};

use super::{Arch, Class, Gguf, RotaryRows, TokenizerClass, llama};
use crate::blocks::{self, Attention};
use crate::config::Hyperparams;
use crate::weights::EMBEDDING;
use crate::{HyperparamError, ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "gemma",
    classes: &[CLASS],
    gguf: Gguf {
        rotary_rows: RotaryRows::Halves,
        norm_shift: GAIN,
        activation: "gelu_pytorch_tanh",
        ..llama::ARCH.gguf
    },
    writes_mlx: false,
    build,
    ..llama::ARCH
};

/// Gains are stored as their distance from one.
pub(super) const GAIN: f32 = 1.0;

pub(super) const CLASS: Class = Class {
    model_type: "gemma",
    defaults: || {
        json!({
            "vocab_size": 256000, "hidden_size": 3072, "intermediate_size": 24576, "num_hidden_layers": 28,
            "num_attention_heads": 16, "num_key_value_heads": 16, "head_dim": 256, "hidden_act": "gelu_pytorch_tanh",
            "max_position_embeddings": 8192, "rms_norm_eps": 1e-6, "pad_token_id": 0, "eos_token_id": 1,
            "bos_token_id": 2, "tie_word_embeddings": true,
        })
    },
    settle: |config| {
        // Another class's name of it; and the official files mean the approximation.
        config.insert_as("hidden_activation", "hidden_activation", Value::Null);
        if config.str("hidden_act")? == Some("gelu") {
            config.insert_as("hidden_act", "hidden_act", "gelu_pytorch_tanh");
        }
        check_direction(config)
    },
    reads: &["attention_bias", DIRECTION],
    tokenizer: TokenizerClass::OrElse("GemmaTokenizer"),
    ..llama::CLASS
};

/// Which tokens see those behind them.
const DIRECTION: &str = "use_bidirectional_attention";

/// What [`see_prompt`] writes there, which no file does.
const PROMPT: &str = "prompt";

/// Has the tokens of a prompt see each other, whatever the text model's keys say.
pub(super) fn see_prompt(text: &mut ConfigMap) {
    text.insert_as(DIRECTION, "model_type", PROMPT);
}

/// Refuses a text model whose tokens all see each other.
pub(super) fn check_direction(config: &ConfigMap) -> Result<(), HyperparamError> {
    match config.get(DIRECTION) {
        None | Some(Value::Bool(false)) => Ok(()),
        Some(Value::String(word)) if word == PROMPT => Ok(()),
        Some(_) => Err(config.error(DIRECTION, "causal attention")),
    }
}

/// What a token sees behind it.
pub(super) fn ahead(hp: &Hyperparams) -> Ahead {
    match hp.keys().get(DIRECTION).and_then(Value::as_str) {
        Some(PROMPT) => Ahead::Prompt,
        _ => Ahead::Nothing,
    }
}

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let attention = Attention { ahead: ahead(hp), ..Attention::plain(hp, Some(rope)) };
    let mut x = net.embed_times(EMBEDDING, hp.d_model, (hp.d_model as f32).sqrt());
    for i in 0..hp.n_layers {
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let a = blocks::self_attention(layer, h, hp, &attention);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, GAIN);
        let m = blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, GAIN);
    Ok(net.finish(logits)?)
}
