//! Gemma 3 text: norms on both sides of each half, gains stored less one, queries and keys normed,
//! local layers with a window and frequencies of their own. Source: transformers modeling_gemma3.py.

use plimsoll_formats::{EMBEDDING, Hyperparams, LayerKind};
use plimsoll_graph::{Builder, Network, RopeLayout};

use crate::arch::llama;
use crate::blocks::{self, Attention, QkNorm};
use crate::{Arch, ModelError, rope};

pub const ARCH: Arch = Arch { name: "gemma3", build };

/// Gains are stored as their distance from one.
const GAIN: f32 = 1.0;

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let mut net = Builder::new(hp.vocab_size);
    let global = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Halves));
    let local = net.rope_spec(rope::spec(hp.rope_local.as_ref().unwrap_or(&hp.rope), RopeLayout::Halves));
    let x = net.embed(EMBEDDING, hp.d_model);
    let mut x = net.scale(x, (hp.d_model as f32).sqrt());
    for i in 0..hp.n_layers {
        let rope = if hp.layer_kinds[i] == LayerKind::Sliding { local } else { global };
        let qk_norm = Some(QkNorm::Gain { offset: GAIN });
        let attention = Attention { mask: llama::mask(hp, i), qk_norm, ..Attention::llama(hp, Some(rope)) };
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
