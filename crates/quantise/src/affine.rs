//! A scale and an offset for values that become whole numbers from zero on: `x ≈ scale · q + offset`.
//!
//! As in [`crate::scale`], with two unknowns: the grid moves both ends of the range, and for given codes scale and offset
//! are the solution of two linear equations.

use crate::sums::{inverse, nearest, sums, within};

/// A scale and an offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Never negative.
    pub scale: f32,
    /// What code 0 stands for.
    pub offset: f32,
}

/// How far each end of the range is moved inwards, in steps of the unmoved range.
const MOVED: [f32; 6] = [-0.3, 0.0, 0.25, 0.5, 0.8, 1.2];
/// Times that codes, scale and offset are settled after the grid.
const ROUNDS: usize = 4;

/// The scale and offset at which `x` has the least error under the weights `w` with codes from 0 to `high`.
/// With `negative`, no offset is above zero.
pub fn best_affine<const N: usize>(x: &[f32; N], w: &[f32; N], high: f32, negative: bool) -> Affine {
    let (mut least, mut most) = (x[0], x[0]);
    for &v in x {
        least = if v < least { v } else { least };
        most = if v > most { v } else { most };
    }
    if negative && least > 0.0 {
        least = 0.0;
    }
    if most <= least {
        return Affine { scale: 0.0, offset: least };
    }
    let fit = Fit::new(x, w, least, high, negative);
    // Small types lose half of a level by what costs large ones nothing.
    let step = (most - least) / high * if high < 8.0 { 0.5 } else { 1.0 };
    let mut best = (f32::NEG_INFINITY, Affine { scale: 0.0, offset: 0.0 });
    for bottom in MOVED {
        for top in MOVED {
            let scale = (most - least - (bottom + top) * step) / high;
            fit.improve(&mut best, Affine { scale, offset: bottom * step });
        }
    }
    for _ in 0..ROUNDS {
        let from = best.1;
        if !fit.improve(&mut best, from) {
            break;
        }
    }
    Affine { scale: best.1.scale, offset: best.1.offset + least }
}

/// The values of one group, counted from the least.
struct Fit<const N: usize> {
    y: [f32; N],
    w: [f32; N],
    sum_w: f32,
    sum_wy: f32,
    high: f32,
    /// The greatest offset that may be.
    most: f32,
}

impl<const N: usize> Fit<N> {
    fn new(x: &[f32; N], w: &[f32; N], least: f32, high: f32, negative: bool) -> Fit<N> {
        let y = x.map(|x| x - least);
        let [sum_w, sum_wy] = sums::<N, 2>(|i| [w[i], w[i] * y[i]]);
        let most = if negative { -least } else { f32::INFINITY };
        Fit { y, w: *w, sum_w, sum_wy, high, most }
    }

    /// Takes codes at `at`, solves for scale and offset, and keeps them if they are better: gain first.
    #[inline(always)]
    fn improve(&self, best: &mut (f32, Affine), at: Affine) -> bool {
        let inverse = inverse(at.scale);
        let [wq, wqq, wyq] = sums::<N, 3>(|i| {
            let q = nearest(within((self.y[i] - at.offset) * inverse, 0.0, self.high));
            let wq = self.w[i] * q;
            [wq, wq * q, wq * self.y[i]]
        });
        let det = self.sum_w * wqq - wq * wq;
        if det <= 0.0 || wqq <= 0.0 {
            return false;
        }
        let mut scale = (self.sum_w * wyq - self.sum_wy * wq) / det;
        let mut offset = (wqq * self.sum_wy - wq * wyq) / det;
        if offset > self.most {
            offset = self.most;
            scale = (wyq - offset * wq) / wqq;
        }
        let gain =
            scale * (2.0 * wyq - scale * wqq - 2.0 * offset * wq) + offset * (2.0 * self.sum_wy - offset * self.sum_w);
        let is_better = gain > best.0 && scale > 0.0;
        if is_better {
            *best = (gain, Affine { scale, offset });
        }
        is_better
    }
}

/// The squared error at a scale and an offset.
#[inline(always)]
pub fn error_at<const N: usize>(x: &[f32; N], w: &[f32; N], at: Affine, high: f32) -> f32 {
    let inverse = inverse(at.scale);
    let [error] = sums::<N, 1>(|i| {
        let q = nearest(within((x[i] - at.offset) * inverse, 0.0, high));
        let off = x[i] - (at.scale * q + at.offset);
        [w[i] * off * off]
    });
    error
}

/// Codes at a scale and an offset.
#[inline(always)]
pub fn codes<const N: usize>(x: &[f32; N], at: Affine, high: f32) -> [u8; N] {
    let inverse = inverse(at.scale);
    x.map(|x| nearest(within((x - at.offset) * inverse, 0.0, high)) as u8)
}
