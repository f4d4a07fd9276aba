//! Llama 2, 3, 3.x and what shares its layers: SmolLM2, Mistral (a sliding window). Source: transformers
//! modeling_llama.py, configuration_llama.py, modeling_mistral.py, configuration_mistral.py; llama.cpp
//! convert_hf_to_gguf.py (`LlamaModel`).

use plimsoll_graph::{Builder, Mask, Network, RopeLayout, Scope, ValueId};
use serde_json::json;

use super::{Arch, Class, GateUp, Gguf, RopeDefaults, RotaryRows, TokenizerClass, Window};
use crate::blocks::{self, Attention};
use crate::config::{Biases, Hyperparams, LayerKind, layers};
use crate::weights::EMBEDDING;
use crate::{ModelError, rope};

pub(crate) const ARCH: Arch = Arch {
    name: "llama",
    classes: &[CLASS, MISTRAL],
    wrappers: &[],
    unwritten: None,
    gguf: Gguf {
        exists: true,
        also: &[],
        tensors: &[],
        rotary_rows: RotaryRows::Interleaved,
        norm_shift: 0.0,
        unshifted: &[],
        ignores: &[],
        activation: "silu",
        window: Window::Refused,
        per_layer: &[],
        reads: &[],
        facts: |_| Ok(()),
        strips_after_control: false,
    },
    published: &[],
    fused: &[],
    gate_up: GateUp::Apart,
    transposed: &[],
    writes_mlx: true,
    // A window on all layers; one on some is read.
    mlx_lacks: |hp| if hp.layer_kinds.contains(&LayerKind::Full) { None } else { mlx_lacks_window(hp) },
    build: |hp| decoder(hp, |_, _| {}),
};

pub(crate) const CLASS: Class = Class {
    model_type: "llama",
    defaults: || {
        json!({
            "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
            "num_attention_heads": 32, "hidden_act": "silu", "max_position_embeddings": 2048, "rms_norm_eps": 1e-6,
            "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": false,
        })
    },
    spelled: &[],
    settle: |_| Ok(()),
    reads: &["attention_bias", "mlp_bias"],
    biases: Biases::NONE,
    layers: layers::full,
    rope: RopeDefaults { theta: 10_000.0, local_theta: None, aliases: &[], sections: None },
    tokenizer: TokenizerClass::Named,
};


const MISTRAL: Class = Class {
    model_type: "mistral",
    defaults: || {
        json!({
            "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
            "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu",
            "max_position_embeddings": 131072, "rms_norm_eps": 1e-6, "bos_token_id": 1, "eos_token_id": 2,
            "tie_word_embeddings": false, "sliding_window": 4096,
        })
    },
    reads: &[],
    layers: layers::alike,
    tokenizer: TokenizerClass::File,
    ..CLASS
};

/// The sliding window, if any layer has one.
pub(crate) fn mlx_lacks_window(hp: &Hyperparams) -> Option<&'static str> {
    hp.layer_kinds.contains(&LayerKind::Sliding).then_some("its sliding window")
}

/// A Llama decoder; `adapt` changes the attention of single layers.
pub(crate) fn decoder(hp: &Hyperparams, adapt: impl Fn(usize, &mut Attention)) -> Result<Network, ModelError> {
    decoder_with(hp, adapt, gated_mlp(hp))
}

/// The same with another MLP, which is given the number of its layer and the normed residual.
pub(crate) fn decoder_with(
    hp: &Hyperparams,
    adapt: impl Fn(usize, &mut Attention),
    mlp: impl Fn(&mut Scope<'_>, usize, ValueId) -> ValueId,
) -> Result<Network, ModelError> {
    decoder_of(hp, adapt, mlp, |_, _, x| x)
}

/// Llama's MLP.
pub(crate) fn gated_mlp(hp: &Hyperparams) -> impl Fn(&mut Scope<'_>, usize, ValueId) -> ValueId {
    |layer, _, h| blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp)
}

/// The same where something is done with the residual behind a layer.
pub(crate) fn decoder_of(
    hp: &Hyperparams,
    adapt: impl Fn(usize, &mut Attention),
    mlp: impl Fn(&mut Scope<'_>, usize, ValueId) -> ValueId,
    after: impl Fn(&mut Builder, usize, ValueId) -> ValueId,
) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for i in 0..hp.n_layers {
        let mut attention = Attention { mask: mask(hp, i), ..Attention::plain(hp, Some(rope)) };
        adapt(i, &mut attention);
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = blocks::self_attention(layer, h, hp, &attention);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let m = mlp(layer, i, h);
        x = layer.net().add(x, m);
        x = after(layer.net(), i, x);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// What the hyperparameters say of this layer. They hold the size of every kind of layer that they list.
pub(crate) fn mask(hp: &Hyperparams, layer: usize) -> Mask {
    match hp.layer_kinds[layer] {
        // Which a layer without attention has no use for.
        LayerKind::Full | LayerKind::Recurrent => Mask::Causal,
        LayerKind::Sliding => Mask::Sliding(hp.sliding_window.expect("checked when it was read")),
        LayerKind::Chunked => Mask::Chunked(hp.attention_chunk.expect("checked when it was read")),
    }
}
