//! The two halves of a decoder layer, as every architecture here has them, and a layer of a vision tower. What differs
//! between architectures is options; an option exists because a published model needs it.

use plimsoll_graph::{AttentionOp, Builder, Mask, RopeId, Scope, Temperature, TileAttention, ValueId};

use crate::config::{Activation, Hyperparams, VisionParams};
use crate::weights::EMBEDDING;

/// Norm of queries and keys, head by head but where it is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum QkNorm {
    /// With gain `q_norm`, `k_norm` plus an offset, before rotary.
    Gain {
        /// Added to the gain.
        offset: f32,
    },
    /// With gain `q_norm`, `k_norm` over all heads together, before rotary.
    AllHeads,
    /// Without gain, after rotary.
    Plain,
}

/// What may differ in self-attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    /// Rotary frequencies; none on layers without position.
    pub rope: Option<RopeId>,
    /// Which keys are seen.
    pub mask: Mask,
    /// Multiplied onto `q · k`.
    pub scale: f32,
    /// Norm of queries and keys.
    pub qk_norm: Option<QkNorm>,
    /// Whether `q_proj` yields for each head its queries, then as many values whose sigmoid its result is multiplied by.
    pub gated: bool,
    /// Attention temperature by position.
    pub temperature: Option<Temperature>,
    /// Bound of the scores.
    pub softcap: Option<f32>,
    /// Whether heads have `sinks`.
    pub sinks: bool,
}

impl Attention {
    /// Causal attention with nothing beside it.
    pub(crate) fn plain(hp: &Hyperparams, rope: Option<RopeId>) -> Attention {
        Attention {
            rope,
            mask: Mask::Causal,
            scale: hp.attn_scale(),
            qk_norm: None,
            gated: false,
            temperature: None,
            softcap: hp.attn_logit_softcap,
            sinks: false,
        }
    }
}

/// `x (n_tokens, d_model)` through `self_attn` of the layer.
pub(crate) fn self_attention(layer: &mut Scope<'_>, x: ValueId, hp: &Hyperparams, opt: &Attention) -> ValueId {
    let (q_width, kv_width) = (hp.n_heads * hp.head_dim, hp.n_kv_heads * hp.head_dim);
    let q = layer.linear(x, "self_attn.q_proj", if opt.gated { 2 * q_width } else { q_width }, hp.biases.qkv);
    let mut k = layer.linear(x, "self_attn.k_proj", kv_width, hp.biases.qkv); // (n_tokens, n_kv_heads * head_dim)
    let v = layer.linear(x, "self_attn.v_proj", kv_width, hp.biases.qkv);
    // (n_tokens, n_heads * head_dim)
    let part =
        |layer: &mut Scope<'_>, part: usize| layer.net().columns(q, 2 * hp.head_dim, part * hp.head_dim, hp.head_dim);
    let (mut q, gate) = if opt.gated { (part(layer, 0), Some(part(layer, 1))) } else { (q, None) };
    let gains = match opt.qk_norm {
        Some(QkNorm::Gain { offset }) => Some((hp.head_dim, hp.head_dim, offset)),
        Some(QkNorm::AllHeads) => Some((q_width, kv_width, 0.0)),
        Some(QkNorm::Plain) | None => None,
    };
    if let Some((of_q, of_k, offset)) = gains {
        q = layer.rms_norm(q, "self_attn.q_norm", of_q, hp.rms_eps, offset);
        k = layer.rms_norm(k, "self_attn.k_norm", of_k, hp.rms_eps, offset);
    }
    let net = layer.net();
    if let Some(rope) = opt.rope {
        (q, k) = (net.rope(q, rope, hp.head_dim), net.rope(k, rope, hp.head_dim));
    }
    if let Some(QkNorm::Plain) = opt.qk_norm {
        q = net.rms_norm_groups(q, None, hp.head_dim, hp.rms_eps, 0.0);
        k = net.rms_norm_groups(k, None, hp.head_dim, hp.rms_eps, 0.0);
    }
    if let Some(temperature) = opt.temperature {
        q = net.scale_by_position(q, temperature);
    }
    let sinks = opt.sinks.then(|| layer.vector("self_attn.sinks", hp.n_heads));
    let net = layer.net();
    let op = AttentionOp {
        cache: net.cache(hp.n_kv_heads, hp.head_dim),
        n_heads: hp.n_heads,
        n_kv_heads: hp.n_kv_heads,
        head_dim: hp.head_dim,
        scale: opt.scale,
        softcap: opt.softcap,
        mask: opt.mask,
        sinks,
    };
    let mut a = net.attention(q, k, v, op);
    if let Some(gate) = gate {
        a = net.gated(gate, a, Activation::Sigmoid);
    }
    layer.linear(a, "self_attn.o_proj", hp.d_model, hp.biases.o)
}

/// `down_proj(act(gate_proj(x)) * up_proj(x))` under `name`.
pub(crate) fn gated_mlp(layer: &mut Scope<'_>, x: ValueId, name: &str, d_ff: usize, hp: &Hyperparams) -> ValueId {
    let d_model = layer.net().width(x);
    let gate = layer.linear(x, &format!("{name}.gate_proj"), d_ff, hp.biases.mlp); // (n_tokens, d_ff)
    let up = layer.linear(x, &format!("{name}.up_proj"), d_ff, hp.biases.mlp);
    let h = layer.net().gated(gate, up, hp.activation);
    layer.linear(h, &format!("{name}.down_proj"), d_model, hp.biases.mlp)
}

/// What the parts of a tower's layer are called.
pub(crate) struct TowerLayer {
    pub attention_norm: &'static str,
    pub mlp_norm: &'static str,
    /// The projection behind attention.
    pub output: &'static str,
}

/// `x (n_rows, d_model)` through a layer of a vision tower; `attend` takes its queries, keys and values.
pub(crate) fn tower_layer(
    layer: &mut Scope<'_>,
    x: ValueId,
    vision: &VisionParams,
    names: &TowerLayer,
    attend: impl Fn(&mut Builder, [ValueId; 3], TileAttention) -> ValueId,
) -> ValueId {
    let (d_model, head_dim) = (vision.d_model, vision.head_dim());
    let h = layer.layer_norm(x, names.attention_norm, vision.norm_eps);
    let qkv = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].map(|of| layer.linear(h, of, d_model, true));
    let heads = TileAttention { n_heads: vision.n_heads, head_dim, scale: (head_dim as f32).sqrt().recip() };
    let a = attend(layer.net(), qkv, heads);
    let a = layer.linear(a, names.output, d_model, true);
    let x = layer.net().add(x, a);
    let h = layer.layer_norm(x, names.mlp_norm, vision.norm_eps);
    let h = layer.linear(h, "mlp.fc1", vision.d_ff, true);
    let h = layer.net().activate(h, vision.activation);
    let h = layer.linear(h, "mlp.fc2", d_model, true);
    layer.net().add(x, h)
}

/// Final norm, then logits for the rows wanted, through `lm_head` or the tied embedding.
pub(crate) fn head(net: &mut Builder, x: ValueId, hp: &Hyperparams, norm_offset: f32) -> ValueId {
    let x = net.select_rows(x);
    let x = net.rms_norm_groups(x, Some("model.norm.weight"), hp.d_model, hp.rms_eps, norm_offset);
    let logits = if hp.tied_embeddings {
        net.linear_tied(x, EMBEDDING, hp.vocab_size)
    } else {
        net.linear(x, "lm_head", hp.vocab_size)
    };
    match hp.final_logit_softcap {
        Some(cap) => net.softcap(logits, cap),
        None => logits,
    }
}
