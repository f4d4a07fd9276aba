//! Llama 4 text, dense and mixture of experts: interleaved rotary and chunked attention on most
//! layers, temperature instead of position on the others. Source: transformers modeling_llama4.py.

use plimsoll_formats::Hyperparams;
use plimsoll_graph::{Builder, Mask, Network, RopeId, RopeLayout};

use crate::arch::smollm3;
use crate::blocks::{self, Attention, EMBEDDING, QkNorm};
use crate::{Arch, ModelError, rope};

pub const ARCH: Arch = Arch { hf: &["llama4_text", "llama4"], gguf: "llama4", build };

fn build(hp: &Hyperparams) -> Result<Network, ModelError> {
    let rotary = smollm3::rotary_layers(hp)?;
    let experts = Experts::read(hp)?;
    let mut net = Builder::new(hp.vocab_size);
    let rope = net.rope_spec(rope::spec(&hp.rope, RopeLayout::Interleaved));
    let mut x = net.embed(EMBEDDING, hp.d_model);
    for (i, rotary) in rotary.into_iter().enumerate() {
        let attention = if rotary { local_attention(hp, rope)? } else { global_attention(hp)? };
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

/// Rotary layers: keys of the own chunk only, queries and keys normed after the rotation.
fn local_attention(hp: &Hyperparams, rope: RopeId) -> Result<Attention, ModelError> {
    let chunk = hp.usize("attention_chunk_size")?;
    let qk_norm = hp.bool("use_qk_norm")?.unwrap_or(true).then_some(QkNorm::Plain);
    Ok(Attention { mask: chunk.map_or(Mask::Causal, Mask::Chunked), qk_norm, ..Attention::llama(hp, Some(rope)) })
}

/// Layers without rotary: every key, and a temperature that grows with the position.
fn global_attention(hp: &Hyperparams) -> Result<Attention, ModelError> {
    let floor = hp.f32("floor_scale")?.unwrap_or(8192.0);
    let scale = hp.f32("attn_scale")?.unwrap_or(0.1);
    let temperature = hp.bool("attn_temperature_tuning")?.unwrap_or(true).then_some((floor, scale));
    Ok(Attention { temperature, ..Attention::llama(hp, None) })
}

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
        let step = hp.usize("interleave_moe_layer_step")?.unwrap_or(1);
        let listed = hp.usizes("moe_layers")?;
        let has_experts = |layer: usize| match &listed {
            Some(listed) => listed.contains(&layer),
            None => step > 0 && (layer + 1).is_multiple_of(step),
        };
        Ok(Experts {
            n,
            top_k: hp.usize("num_experts_per_tok")?.unwrap_or(1),
            dense_d_ff: hp.usize("intermediate_size_mlp")?.unwrap_or(hp.d_ff),
            layers: (0..hp.n_layers).map(|layer| n > 0 && has_experts(layer)).collect(),
        })
    }
}
