//! Mamba-2, as several families have it: a projection into everything, a convolution, linear attention with a decay, a norm
//! by groups behind a gate. Source: transformers modeling_nemotron_h.py, `NemotronHMamba2Mixer`.

use plimsoll_graph::{LinearAttention, Scope, ValueId, Write};

use crate::ModelError;
use crate::blocks::check_state;
use crate::config::{Activation, Hyperparams, MAX_HEADS, MAX_TAPS, MAX_WIDTH};

/// What the keys of a family are called.
pub(crate) struct MambaKeys {
    pub heads: &'static str,
    pub head_dim: &'static str,
    pub groups: &'static str,
    pub state: &'static str,
    pub taps: &'static str,
    pub conv_bias: &'static str,
    pub proj_bias: &'static str,
}

pub(crate) struct Mamba2 {
    heads: LinearAttention,
    taps: usize,
    conv_bias: bool,
    proj_bias: bool,
    least_step: f32,
}

impl Mamba2 {
    /// # Errors
    /// A key is absent or out of range.
    pub fn read(hp: &Hyperparams, keys: &MambaKeys) -> Result<Mamba2, ModelError> {
        let (groups, heads) = (hp.size(keys.groups, MAX_HEADS)?, hp.size(keys.heads, MAX_HEADS)?);
        if !heads.is_multiple_of(groups) {
            return Err(hp.error(keys.heads, format!("a multiple of {groups} groups")).into());
        }
        let heads = LinearAttention {
            key_heads: groups,
            value_heads: heads,
            key_dim: hp.size(keys.state, MAX_WIDTH)?,
            value_dim: hp.size(keys.head_dim, MAX_WIDTH)?,
            tiled: false,
            query_scale: 1.0,
            key_scale: 1.0,
            write: Write::Sum,
        };
        check_state(hp, keys.heads, &heads)?;
        Ok(Mamba2 {
            heads,
            taps: hp.size(keys.taps, MAX_TAPS)?,
            conv_bias: hp.bool(keys.conv_bias)?.unwrap_or(true),
            proj_bias: hp.bool(keys.proj_bias)?.unwrap_or(false),
            least_step: 0.0,
        })
    }

    /// The same with steps of no less than this.
    pub fn with_least_step(self, least_step: f32) -> Mamba2 {
        Mamba2 { least_step, ..self }
    }

    /// `h (n_tokens, d_model)` through the module `name` of the layer.
    pub fn build(&self, layer: &mut Scope<'_>, h: ValueId, name: &str, hp: &Hyperparams) -> ValueId {
        let LinearAttention { key_heads: groups, value_heads: heads, key_dim, value_dim, .. } = self.heads;
        let (inner, states) = (heads * value_dim, groups * key_dim);
        let (mixed, part) = (inner + 2 * states, |part: &str| format!("{name}.{part}"));
        let all = inner + mixed + heads;
        let projected = layer.linear(h, &part("in_proj"), all, self.proj_bias);
        let z = layer.net().columns(projected, all, 0, inner);
        let x_b_c = layer.net().columns(projected, all, inner, mixed);
        let step = layer.net().columns(projected, all, inner + mixed, heads);
        let x_b_c = layer.convolution(x_b_c, &part("conv1d"), self.taps, self.conv_bias);
        let x_b_c = layer.net().activate(x_b_c, Activation::Silu);
        let [x, b, c] = [(0, inner), (inner, states), (inner + states, states)]
            .map(|(from, len)| layer.net().columns(x_b_c, mixed, from, len));
        let step = layer.bias(step, &part("dt_bias"));
        let mut step = layer.net().activate(step, Activation::Softplus);
        if self.least_step > 0.0 {
            step = layer.net().clamp(step, self.least_step, f32::INFINITY);
        }
        let y = layer.linear_attention([c, b, x], step, step, &part("A_log"), self.heads);
        let skipped = layer.scale_heads(x, &part("D"), value_dim);
        let y = layer.net().add(y, skipped);
        let y = layer.net().gated(z, y, Activation::Silu);
        let y = layer.net().rms_norm_groups(y, None, inner / groups, hp.rms_eps, 0.0);
        let y = layer.scale_heads(y, &part("norm.weight"), 1);
        layer.linear(y, &part("out_proj"), hp.d_model, self.proj_bias)
    }
}
