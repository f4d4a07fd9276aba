//! One scale for values that become whole numbers within a range: `x ≈ scale · q`.
//!
//! For given codes the best scale is a quotient of two sums, and for a given scale the best codes are the nearest, so that
//! what is searched is the scale at which codes are taken: on a grid that goes from clipping the greatest value to leaving
//! room above it, at both signs, since the range has one code more on one side. Alternating from the best of the grid then
//! leads to where neither changes.

use crate::sums::{inverse, nearest, sums, within};

/// The codes that a type has.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// The least.
    pub low: f32,
    /// The greatest.
    pub high: f32,
}

/// Below this, no half-precision scale tells a block from zeros.
pub const NOTHING: f32 = 1e-12;

/// Scales that are tried at each sign.
const STEPS: usize = 20;
/// Times that codes and scale are settled after the grid.
const ROUNDS: usize = 4;

impl Levels {
    /// The code of `value`, in units of the scale.
    #[inline(always)]
    pub fn code(self, value: f32) -> f32 {
        nearest(within(value, self.low, self.high))
    }
}

/// The scale at which `x` has the least error under the weights `w`; 0 where all is as good as nothing.
pub fn best_scale<const N: usize>(x: &[f32; N], w: &[f32; N], levels: Levels) -> f32 {
    let extreme = x.iter().fold(0.0f32, |most, v| if v.abs() > most.abs() { *v } else { most });
    if extreme.abs() < NOTHING {
        return 0.0;
    }
    let mut best = (0.0, 0.0);
    for end in [levels.low, levels.high] {
        // How far the greatest value may be clipped grows with the number of levels, its share of them does not.
        let (from, to) = (end.abs() - 0.9 * end.abs().sqrt(), end.abs() + 0.6);
        for step in 0..STEPS {
            let at = from + (to - from) * step as f32 / (STEPS - 1) as f32;
            better(&mut best, projected(x, w, at.copysign(end) / extreme, levels));
        }
    }
    for _ in 0..ROUNDS {
        let at = inverse(best.1);
        if !better(&mut best, projected(x, w, at, levels)) {
            break;
        }
    }
    best.1
}

/// Keeps the greater gain with its scale.
pub fn better(best: &mut (f32, f32), found: (f32, f32)) -> bool {
    let is_better = found.0 > best.0;
    if is_better {
        *best = found;
    }
    is_better
}

/// What codes taken at `1 / inverse` take off the squared error of zeros, with the scale that is best for them, which
/// comes second.
#[inline(always)]
fn projected<const N: usize>(x: &[f32; N], w: &[f32; N], inverse: f32, levels: Levels) -> (f32, f32) {
    let [xq, qq] = sums::<N, 2>(|i| {
        let q = levels.code(x[i] * inverse);
        [w[i] * x[i] * q, w[i] * q * q]
    });
    if qq > 0.0 { (xq * (xq / qq), xq / qq) } else { (0.0, 0.0) }
}

/// The squared error at a scale.
#[inline(always)]
pub fn error_at<const N: usize>(x: &[f32; N], w: &[f32; N], scale: f32, levels: Levels) -> f32 {
    let inverse = inverse(scale);
    let [error] = sums::<N, 1>(|i| {
        let off = x[i] - scale * levels.code(x[i] * inverse);
        [w[i] * off * off]
    });
    error
}

/// Codes at a scale, from zero on: the least is 0.
#[inline(always)]
pub fn codes<const N: usize>(x: &[f32; N], scale: f32, levels: Levels) -> [u8; N] {
    let inverse = inverse(scale);
    x.map(|x| (levels.code(x * inverse) - levels.low) as u8)
}
