//! What folds a sequence's whole past into a state of fixed size.

use crate::builder::{Builder, Scope};
use crate::id::{StateId, ValueId, WeightId};
use crate::network::{StateDecl, WeightKind};
use crate::op::Op;

pub use plimsoll_kernels::{LinearAttention, Write};

/// A causal convolution of each column with taps of its own, `(n, width) -> (n, width)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConvolutionOp {
    /// `(width, taps)`, the last tap for the token itself.
    pub weight: WeightId,
    /// `(width)`
    pub bias: Option<WeightId>,
    /// Tokens that a token's result depends on, itself included.
    pub taps: usize,
    /// The last `taps − 1` inputs.
    pub state: StateId,
}

/// Linear attention with a decay: `(q, k, v, step, beta) -> (n, value_heads * value_dim)`, `step` and `beta` being
/// `(n, value_heads)`. Of its matrix a head keeps `exp(−exp(a_log) · step)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearAttentionOp {
    /// Heads, and how they work.
    pub heads: LinearAttention,
    /// `(value_heads)`, the logarithm of how fast a head forgets.
    pub a_log: WeightId,
    /// The matrices.
    pub state: StateId,
}

impl Builder {
    /// Declares `values` that are kept of a sequence from step to step, zeros at its beginning.
    fn state(&mut self, values: usize) -> StateId {
        self.network.states.push(StateDecl { values });
        StateId(self.network.states.len() - 1)
    }
}

impl Scope<'_> {
    /// A causal convolution with `{name}.weight`, `(width, taps)`, and perhaps `{name}.bias`.
    pub fn convolution(&mut self, x: ValueId, name: &str, taps: usize, bias: bool) -> ValueId {
        let (weight, bias) = (self.name(&format!("{name}.weight")), bias.then(|| self.name(&format!("{name}.bias"))));
        let net = self.net();
        let (width, vector) = (net.width(x), WeightKind::Vector { offset: 0.0 });
        net.require(&weight, taps > 0, || "a convolution without taps".to_owned());
        let bias = bias.map(|name| net.weight(name, vec![width], vector));
        let weight = net.weight(weight, vec![width, taps], vector);
        let state = net.state(taps.saturating_sub(1) * width);
        net.push(Op::Convolution(ConvolutionOp { weight, bias, taps, state }), vec![x], net.rows(x), width)
    }

    /// Linear attention of `[q, k, v]` with the vector `a_log`; see [`LinearAttentionOp`].
    pub fn linear_attention(
        &mut self,
        [q, k, v]: [ValueId; 3],
        step: ValueId,
        beta: ValueId,
        a_log: &str,
        heads: LinearAttention,
    ) -> ValueId {
        let name = self.name(a_log);
        let net = self.net();
        let LinearAttention { key_heads, value_heads, key_dim, value_dim, .. } = heads;
        let (keys, values) = (key_heads * key_dim, value_heads * value_dim);
        let found = [q, k, v, step, beta].map(|value| net.width(value));
        let expected = [keys, keys, values, value_heads, value_heads];
        net.require(&name, found == expected, || {
            format!("operands are {found:?} wide where heads ask for {expected:?}")
        });
        net.require(&name, key_heads > 0 && value_heads.is_multiple_of(key_heads), || {
            format!("{value_heads} value heads cannot share {key_heads} key heads")
        });
        let a_log = net.weight(name, vec![value_heads], WeightKind::Vector { offset: 0.0 });
        let state = net.state(heads.state_len());
        let op = LinearAttentionOp { heads, a_log, state };
        net.push(Op::LinearAttention(op), vec![q, k, v, step, beta], net.rows(q), values)
    }
}
