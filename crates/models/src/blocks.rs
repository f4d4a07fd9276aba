//! The two halves of a decoder layer, as every architecture here has them, and a layer of a vision tower. What differs
//! between architectures is options; an option exists because a published model needs it.

use plimsoll_graph::{
    Ahead, AttentionOp, Builder, CacheId, LinearAttention, Mask, RopeId, RopeLayout, RopeSpec, Scope, Temperature,
    TileAttention, TileAxis, TileRope, ValueId,
};

use crate::HyperparamError;
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

/// What values are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Values {
    /// Whether each head is normed, without gain.
    pub normed: bool,
    /// Whether they are the projected keys, before those are normed and turned.
    pub are_keys: bool,
}

/// By whose sigmoid the result of attention is multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    None,
    /// Each value by its own: `q_proj` yields for each head its queries, then its gate.
    Values,
    /// Each head by one value of `gate_proj`.
    Heads,
}

/// What may differ in self-attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    /// Rotary frequencies; none on layers without position.
    pub rope: Option<RopeId>,
    /// Which keys are seen.
    pub mask: Mask,
    /// Which keys behind its own a query sees as well.
    pub ahead: Ahead,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Width of a head.
    pub head_dim: usize,
    /// Multiplied onto `q · k`.
    pub scale: f32,
    /// What values are.
    pub values: Values,
    /// Norm of queries and keys.
    pub qk_norm: Option<QkNorm>,
    /// By whose sigmoid the result is multiplied.
    pub gate: Gate,
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
            ahead: Ahead::Nothing,
            n_kv_heads: hp.n_kv_heads,
            head_dim: hp.head_dim,
            scale: hp.attn_scale(),
            values: Values { normed: false, are_keys: false },
            qk_norm: None,
            gate: Gate::None,
            temperature: None,
            softcap: hp.attn_logit_softcap,
            sinks: false,
        }
    }
}

/// `x (n_tokens, d_model)` through `self_attn` of the layer.
pub(crate) fn self_attention(layer: &mut Scope<'_>, x: ValueId, hp: &Hyperparams, opt: &Attention) -> ValueId {
    self_attention_with(layer, x, hp, opt).0
}

/// The same, and the cache that the layer's keys and values are appended to.
pub(crate) fn self_attention_with(
    layer: &mut Scope<'_>,
    x: ValueId,
    hp: &Hyperparams,
    opt: &Attention,
) -> (ValueId, CacheId) {
    let kv_width = opt.n_kv_heads * opt.head_dim;
    let (q, gate) = queries(layer, x, hp, opt);
    let mut k = layer.linear(x, "self_attn.k_proj", kv_width, hp.biases.qkv); // (n_tokens, n_kv_heads * head_dim)
    let mut v = match opt.values.are_keys {
        true => k,
        false => layer.linear(x, "self_attn.v_proj", kv_width, hp.biases.qkv),
    };
    let of_k = match opt.qk_norm {
        Some(QkNorm::AllHeads) => kv_width,
        _ => opt.head_dim,
    };
    k = position(layer, k, "self_attn.k_norm", of_k, hp, opt);
    if opt.values.normed {
        v = layer.net().rms_norm_groups(v, None, opt.head_dim, hp.rms_eps, 0.0);
    }
    let cache = layer.net().cache(opt.n_kv_heads, opt.head_dim);
    let op = attention_op(layer, hp, opt, cache);
    let a = layer.net().attention(q, k, v, op);
    (attended(layer, a, gate, hp), cache)
}

/// As [`self_attention`], of a layer that has queries alone and attends to the keys and values of another.
pub(crate) fn shared_attention(
    layer: &mut Scope<'_>,
    x: ValueId,
    hp: &Hyperparams,
    opt: &Attention,
    cache: CacheId,
) -> ValueId {
    let (q, gate) = queries(layer, x, hp, opt);
    let op = attention_op(layer, hp, opt, cache);
    let a = layer.net().shared_attention(q, op);
    attended(layer, a, gate, hp)
}

/// Queries, `(n_tokens, n_heads * head_dim)`, and as many values that gate the result, if there are some.
fn queries(layer: &mut Scope<'_>, x: ValueId, hp: &Hyperparams, opt: &Attention) -> (ValueId, Option<ValueId>) {
    let width = hp.n_heads * opt.head_dim;
    let all =
        layer.linear(x, "self_attn.q_proj", if opt.gate == Gate::Values { 2 * width } else { width }, hp.biases.qkv);
    let part = |layer: &mut Scope<'_>, part: usize| {
        layer.net().columns(all, 2 * opt.head_dim, part * opt.head_dim, opt.head_dim)
    };
    let (q, gate) = match opt.gate {
        Gate::None => (all, None),
        Gate::Values => (part(layer, 0), Some(part(layer, 1))),
        Gate::Heads => (all, Some(layer.linear(x, "self_attn.gate_proj", hp.n_heads, false))),
    };
    let of_q = if opt.qk_norm == Some(QkNorm::AllHeads) { width } else { opt.head_dim };
    let mut q = position(layer, q, "self_attn.q_norm", of_q, hp, opt);
    if let Some(temperature) = opt.temperature {
        q = layer.net().scale_by_position(q, temperature);
    }
    (q, gate)
}

/// Queries or keys, normed and turned; a gain `norm` is over `group` columns.
fn position(layer: &mut Scope<'_>, x: ValueId, norm: &str, group: usize, hp: &Hyperparams, opt: &Attention) -> ValueId {
    let x = match opt.qk_norm {
        Some(QkNorm::Gain { offset }) => layer.rms_norm(x, norm, group, hp.rms_eps, offset),
        Some(QkNorm::AllHeads) => layer.rms_norm(x, norm, group, hp.rms_eps, 0.0),
        Some(QkNorm::Plain) | None => x,
    };
    let net = layer.net();
    let x = match opt.rope {
        Some(rope) => net.rope(x, rope, opt.head_dim),
        None => x,
    };
    match opt.qk_norm {
        Some(QkNorm::Plain) => net.rms_norm_groups(x, None, opt.head_dim, hp.rms_eps, 0.0),
        _ => x,
    }
}

fn attention_op(layer: &mut Scope<'_>, hp: &Hyperparams, opt: &Attention, cache: CacheId) -> AttentionOp {
    AttentionOp {
        cache,
        n_heads: hp.n_heads,
        n_kv_heads: opt.n_kv_heads,
        head_dim: opt.head_dim,
        scale: opt.scale,
        softcap: opt.softcap,
        mask: opt.mask,
        ahead: opt.ahead,
        sinks: opt.sinks.then(|| layer.vector("self_attn.sinks", hp.n_heads)),
    }
}

fn attended(layer: &mut Scope<'_>, a: ValueId, gate: Option<ValueId>, hp: &Hyperparams) -> ValueId {
    let a = match gate {
        // A value for each of a head, or for each head.
        Some(gate) => {
            let gate = layer.net().activate(gate, Activation::Sigmoid);
            layer.net().scale_groups(a, gate)
        }
        None => a,
    };
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

/// Values of a layer's state at most, far beyond any published model's: a product of three sizes of which each is allowed.
const MAX_STATE: usize = 1 << 30;

/// Refuses heads of linear attention whose matrices no sequence could keep; `key` is what is blamed.
pub(crate) fn check_state(hp: &Hyperparams, key: &str, heads: &LinearAttention) -> Result<(), HyperparamError> {
    let of_head = heads.key_dim.checked_mul(heads.value_dim);
    match of_head.and_then(|values| values.checked_mul(heads.value_heads)) {
        Some(values) if values <= MAX_STATE => Ok(()),
        _ => Err(hp.error(key, format!("heads whose matrices have {MAX_STATE} values together at most"))),
    }
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
    let x = tower_attention(layer, x, vision, names, attend);
    let h = layer.layer_norm(x, names.mlp_norm, vision.norm_eps);
    let h = layer.linear(h, "mlp.fc1", vision.d_ff, true);
    let h = layer.net().activate(h, vision.activation);
    let h = layer.linear(h, "mlp.fc2", vision.d_model, true);
    layer.net().add(x, h)
}

/// Turns the pairs of the first half of a head by one axis, those of the second by another.
pub(crate) fn axial_rope(
    net: &mut Builder,
    vision: &VisionParams,
    axes: [TileAxis; 2],
    layout: RopeLayout,
) -> Result<TileRope, HyperparamError> {
    let frequencies = vision.axial_frequencies()?;
    let axes = axes.into_iter().flat_map(|axis| vec![axis; frequencies.len()]).collect();
    let rope = net.rope_spec(RopeSpec::plain(frequencies.repeat(2), layout));
    Ok(TileRope { rope, head_dim: vision.head_dim, axes, first: 0, parts: 1 })
}

/// The first half of that layer.
pub(crate) fn tower_attention(
    layer: &mut Scope<'_>,
    x: ValueId,
    vision: &VisionParams,
    names: &TowerLayer,
    attend: impl Fn(&mut Builder, [ValueId; 3], TileAttention) -> ValueId,
) -> ValueId {
    let d_model = vision.d_model;
    let h = layer.layer_norm(x, names.attention_norm, vision.norm_eps);
    let qkv = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].map(|of| layer.linear(h, of, d_model, true));
    let heads = vision.heads();
    let a = attend(layer.net(), qkv, heads);
    let a = layer.linear(a, names.output, d_model, true);
    layer.net().add(x, a)
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
