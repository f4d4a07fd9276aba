//! Llama 4 text, dense and mixture of experts: interleaved rotary and chunked attention on most
//! layers, temperature instead of position on the others. Source: transformers modeling_llama4.py.

use plimsoll_formats::{EMBEDDING, Hyperparams};
use plimsoll_graph::{Builder, Network, RopeId, RopeLayout};

use crate::arch::llama;
use crate::blocks::{self, Attention, QkNorm};
use crate::{Arch, ModelError, rope};

pub const ARCH: Arch = Arch { name: "llama4", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let rotary = hp.rotary_layers()?;
    let experts = Experts::read(hp)?;
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Interleaved));
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, rotary) in rotary.into_iter().enumerate() {
        let attention = if rotary { rotary_attention(hp, rope)? } else { temperate_attention(hp)? };
        let attention = Attention { mask: llama::mask(hp, i), ..attention };
        let layer = &mut net.scope(format!("model.layers.{i}"));
        let h = layer.rms_norm(x, "input_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let a = blocks::self_attention(layer, h, hp, &attention);
        x = layer.net().add(x, a);
        let h = layer.rms_norm(x, "post_attention_layernorm", hp.d_model, hp.rms_eps, 0.0);
        let m = if experts.layers[i] {
            let shared = blocks::gated_mlp(layer, h, "feed_forward.shared_expert", hp.d_ff, hp);
            let routed = layer.moe(h, "feed_forward", experts.n, experts.top_k, hp.d_ff, hp.activation);
            layer.net().add(shared, routed)
        } else {
            blocks::gated_mlp(layer, h, "feed_forward", experts.dense_d_ff, hp)
        };
        x = layer.net().add(x, m);
    }
    let logits = blocks::head(&mut net, x, hp, 0.0);
    Ok(net.finish(logits)?)
}

/// Rotary layers: queries and keys normed after the rotation.
fn rotary_attention(hp: &Hyperparams, rope: RopeId) -> Result<Attention, ModelError> {
    let qk_norm = hp.bool("use_qk_norm")?.unwrap_or(true).then_some(QkNorm::Plain);
    Ok(Attention { qk_norm, ..Attention::llama(hp, Some(rope)) })
}

/// Layers without rotary: a temperature that grows with the position.
fn temperate_attention(hp: &Hyperparams) -> Result<Attention, ModelError> {
    let floor = hp.f32("floor_scale")?.unwrap_or(8192.0);
    if floor < f32::MIN_POSITIVE {
        return Err(hp.error("floor_scale", "a number of tokens greater than 0").into());
    }
    let scale = hp.f32("attn_scale")?.unwrap_or(0.1);
    let temperature = hp.bool("attn_temperature_tuning")?.unwrap_or(true).then_some((floor, scale));
    Ok(Attention { temperature, ..Attention::llama(hp, None) })
}

/// Far beyond any published model; it keeps a damaged number from becoming an allocation.
const MAX_EXPERTS: usize = 4096;

/// Where experts stand, and how many.
struct Experts {
    n: usize,
    top_k: usize,
    /// Width of the layers without experts.
    dense_d_ff: usize,
    /// Which layers have experts.
    layers: Vec<bool>,
}

impl Experts {
    fn read(hp: &Hyperparams) -> Result<Experts, ModelError> {
        let n = hp.usize("num_local_experts")?.unwrap_or(0);
        if n > MAX_EXPERTS {
            return Err(hp.error("num_local_experts", format!("{MAX_EXPERTS} experts at most")).into());
        }
        let top_k = hp.usize("num_experts_per_tok")?.unwrap_or(1);
        if n > 0 && !(1..=n).contains(&top_k) {
            return Err(hp.error("num_experts_per_tok", format!("1 to {n}, all experts there are")).into());
        }
        let step = hp.usize("interleave_moe_layer_step")?.unwrap_or(1);
        let listed = hp.usizes("moe_layers")?;
        let has_experts = |layer: usize| match &listed {
            Some(listed) => listed.contains(&layer),
            None => step > 0 && (layer + 1).is_multiple_of(step),
        };
        Ok(Experts {
            n,
            top_k,
            dense_d_ff: hp.usize("intermediate_size_mlp")?.unwrap_or(hp.d_ff),
            layers: (0..hp.n_layers).map(|layer| n > 0 && has_experts(layer)).collect(),
        })
    }
}
