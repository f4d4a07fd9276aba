//! What is done value by value, row by row or head by head.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use crate::vector::{Vector, gelu, gelu_tanh, sigmoid, silu, softplus};

/// A nonlinearity, value by value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// GELU by its tanh approximation.
    GeluTanh,
    /// GELU by the error function.
    Gelu,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `ln(1 + e^x)`
    Softplus,
    /// The square of what is above 0.
    SquaredRelu,
}

/// Which two values of a head turn together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RopeLayout {
    /// Value `i` with `i + rotary_dim / 2`.
    Halves,
    /// Value `2 i` with `2 i + 1`.
    Interleaved,
}

/// The heads that a rotary embedding turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RopeShape {
    /// Heads per token.
    pub heads: usize,
    /// Values per head.
    pub head_dim: usize,
    /// Leading values of a head that turn, even and at most `head_dim`; the rest stay.
    pub rotary_dim: usize,
    /// Which values pair up.
    pub layout: RopeLayout,
}

/// Turns the pairs of one head in place by the angles of its token, `(rotary_dim / 2,)` each.
pub(crate) fn turn(layout: RopeLayout, head: &mut [f32], cos: &[f32], sin: &[f32]) {
    match layout {
        RopeLayout::Halves => {
            let (first, second) = head.split_at_mut(cos.len());
            for (((a, b), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
                (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
            }
        }
        RopeLayout::Interleaved => {
            for ((pair, cos), sin) in head.as_chunks_mut::<2>().0.iter_mut().zip(cos).zip(sin) {
                let [a, b] = *pair;
                *pair = [a * cos - b * sin, b * cos + a * sin];
            }
        }
    }
}

/// Each row of `width` values over its root mean square, times `weight`.
#[inline(always)]
pub(crate) unsafe fn rms_norm<V: Vector>(x: &[f32], weight: Option<&[f32]>, eps: f32, width: usize, out: &mut [f32]) {
    let mut start = 0;
    while start < x.len() {
        rms_norm_row::<V>(&x[start..start + width], weight, eps, &mut out[start..start + width]);
        start += width;
    }
}

#[inline(always)]
unsafe fn rms_norm_row<V: Vector>(x: &[f32], weight: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let mut squares = V::zero();
    let mut at = 0;
    while at < x.len() {
        let value = load_at::<V>(x, at);
        squares = value.mul_add(value, squares);
        at += V::LANES;
    }
    let factor = V::splat(1.0 / (squares.sum() / x.len() as f32 + eps).sqrt());
    at = 0;
    while at < x.len() {
        let mut value = load_at::<V>(x, at).mul(factor);
        if let Some(weight) = weight {
            value = value.mul(load_at::<V>(weight, at));
        }
        store_at(value, out, at);
        at += V::LANES;
    }
}

/// Each row of `weight.len()` values less its mean, over its deviation, times `weight` plus `bias`.
#[inline(always)]
pub(crate) unsafe fn layer_norm<V: Vector>(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len();
    let mut start = 0;
    while start < x.len() {
        layer_norm_row::<V>(&x[start..start + width], weight, bias, eps, &mut out[start..start + width]);
        start += width;
    }
}

/// The variance is that of the differences from the mean, a second pass: a mean far from zero would cancel it in one.
#[inline(always)]
unsafe fn layer_norm_row<V: Vector>(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
    let mut sum = V::zero();
    let mut at = 0;
    while at < x.len() {
        sum = sum.add(load_at::<V>(x, at));
        at += V::LANES;
    }
    let mean = sum.sum() / x.len() as f32;
    let mut squares = V::zero();
    at = 0;
    while at < x.len() {
        // The difference passes through `out`, whose reading fills the lanes beyond the row's end with zeros.
        store_at(load_at::<V>(x, at).sub(V::splat(mean)), out, at);
        let centred = load_at::<V>(out, at);
        squares = centred.mul_add(centred, squares);
        at += V::LANES;
    }
    let variance = squares.sum() / x.len() as f32;
    let factor = V::splat(1.0 / (variance + eps).sqrt());
    at = 0;
    while at < x.len() {
        let normed = load_at::<V>(out, at).mul(factor);
        store_at(normed.mul_add(load_at::<V>(weight, at), load_at::<V>(bias, at)), out, at);
        at += V::LANES;
    }
}

/// `out = act(gate) * up`.
#[inline(always)]
pub(crate) unsafe fn gated<V: Vector>(act: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    let mut at = 0;
    while at < gate.len() {
        store_at(apply(act, load_at::<V>(gate, at)).mul(load_at::<V>(up, at)), out, at);
        at += V::LANES;
    }
}

/// `out = act(x)`.
#[inline(always)]
pub(crate) unsafe fn activate<V: Vector>(act: Activation, x: &[f32], out: &mut [f32]) {
    let mut at = 0;
    while at < x.len() {
        store_at(apply(act, load_at::<V>(x, at)), out, at);
        at += V::LANES;
    }
}

#[inline(always)]
unsafe fn apply<V: Vector>(act: Activation, x: V) -> V {
    match act {
        Activation::Silu => silu(x),
        Activation::GeluTanh => gelu_tanh(x),
        Activation::Gelu => gelu(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Softplus => softplus(x),
        Activation::SquaredRelu => {
            let above = x.max(V::zero());
            above.mul(above)
        }
    }
}

/// The register at `at`, padded with zeros beyond the end.
#[inline(always)]
unsafe fn load_at<V: Vector>(from: &[f32], at: usize) -> V {
    let left = from.len() - at;
    let from = from.as_ptr().add(at);
    if left >= V::LANES { V::load(from) } else { V::load_partial(from, left) }
}

#[inline(always)]
unsafe fn store_at<V: Vector>(value: V, to: &mut [f32], at: usize) {
    let left = to.len() - at;
    let to = to.as_mut_ptr().add(at);
    if left >= V::LANES { value.store(to) } else { value.store_partial(to, left) }
}
