//! Llama 2, 3, 3.x and what shares its layers: SmolLM2, Mistral (a sliding window). Source:
//! transformers modeling_llama.py, modeling_mistral.py.

use plimsoll_formats::{EMBEDDING, Hyperparams, LayerKind};
use plimsoll_graph::{Builder, Mask, Network, RopeLayout};

use crate::blocks::{self, Attention};
use crate::{Arch, ModelError, rope};

pub const ARCH: Arch = Arch { name: "llama", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    decoder(hp, |_, _| {})
}

/// A Llama decoder; `adapt` changes the attention of single layers.
pub(crate) fn decoder(hp: &Hyperparams, adapt: impl Fn(usize, &mut Attention)) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for i in 0..hp.n_layers {
        let mut attention = Attention { mask: mask(hp, i), ..Attention::llama(hp, Some(rope)) };
        adapt(i, &mut attention);
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = blocks::self_attention(layer, h, hp, &attention);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let m = blocks::gated_mlp(layer, h, "mlp", hp.d_ff, hp);
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// What the hyperparameters say of this layer. They hold the size of every kind of layer that they list.
pub(crate) fn mask(hp: &Hyperparams, layer: usize) -> Mask {
    match hp.layer_kinds[layer] {
        LayerKind::Full => Mask::Causal,
        LayerKind::Sliding => Mask::Sliding(hp.sliding_window.expect("checked when it was read")),
        LayerKind::Chunked => Mask::Chunked(hp.attention_chunk.expect("checked when it was read")),
    }
}
