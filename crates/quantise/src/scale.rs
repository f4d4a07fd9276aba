//! One scale for values that become whole numbers within a range: `x ≈ scale · q`.
//!
//! For given codes the best scale is a quotient of two sums, and for a given scale the best codes are the nearest, so that
//! what is searched is the scale at which codes are taken: on a grid that goes from clipping the greatest value to leaving
//! room above it, at both signs, since the range has one code more on one side. Alternating from the best of the grid then
//! leads to where neither changes.

use half::f16;
use plimsoll_kernels::Vectorised;

use crate::lanes::{LANES, Lanes, abreast, sums, weights};
use crate::sums::{half, inverse, nearest, within};

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

    /// The codes of `values`.
    #[inline(always)]
    pub fn codes(self, values: Lanes) -> Lanes {
        values.within(self.low, self.high).nearest()
    }
}

/// Scales that eight blocks have side by side, as they are stored, and the codes at them.
pub struct Scaled<const N: usize> {
    pub scales: [f16; LANES],
    pub codes: [[u8; N]; LANES],
}

/// Eight blocks to be fitted, and how much their values count; `None` where all count alike.
pub struct FitScales<'a, const N: usize> {
    pub x: [&'a [f32; N]; LANES],
    pub w: Option<[&'a [f32; N]; LANES]>,
    pub levels: Levels,
}

impl<const N: usize> Vectorised for FitScales<'_, N> {
    type Output = Scaled<N>;

    #[inline(always)]
    fn run(self) -> Scaled<N> {
        let found = best_scale(&abreast(self.x), &weights(self.w), self.levels);
        let mut all = Scaled { scales: [f16::ZERO; LANES], codes: [[0; N]; LANES] };
        for lane in 0..LANES {
            all.scales[lane] = half(found.0[lane]);
            all.codes[lane] = codes(self.x[lane], all.scales[lane].to_f32(), self.levels);
        }
        all
    }
}

/// The scales at which the values of each lane have the least error under the weights `w`; 0 where all is as good as nothing.
#[inline(always)]
pub fn best_scale<const N: usize>(x: &[Lanes; N], w: &[Lanes; N], levels: Levels) -> Lanes {
    let extreme = extreme(x);
    let mut wx = [Lanes::ZERO; N];
    for i in 0..N {
        wx[i] = w[i] * x[i];
    }
    // Where the range is as long on both sides, the other sign has the same codes with the other sign.
    let grid = if levels.low == -levels.high { STEPS } else { 2 * STEPS };
    let mut best = Best::none();
    for step in 0..grid + ROUNDS {
        let tried = if step < grid {
            let end = if step < STEPS { levels.low } else { levels.high };
            // How far the greatest value may be clipped grows with the number of levels, its share of them does not.
            let (from, to) = (end.abs() - 0.9 * end.abs().sqrt(), end.abs() + 0.6);
            let at = from + (to - from) * (step % STEPS) as f32 / (STEPS - 1) as f32;
            Lanes::all(at.copysign(end)) / extreme
        } else {
            best.scale.inverse()
        };
        let is_better = best.improve(projected(x, w, &wx, tried, levels));
        if step >= grid && !is_better {
            break;
        }
    }
    extreme.abs().above(Lanes::all(NOTHING)).pick(best.scale, Lanes::ZERO)
}

/// The value of the greatest magnitude, the first of several.
#[inline(always)]
pub fn extreme<const N: usize>(x: &[Lanes; N]) -> Lanes {
    let mut extreme = Lanes::ZERO;
    for x in x {
        extreme = x.abs().above(extreme.abs()).pick(*x, extreme);
    }
    extreme
}

/// The greatest gain so far, and its scale.
#[derive(Clone, Copy)]
pub struct Best {
    gain: Lanes,
    /// The scale.
    pub scale: Lanes,
}

impl Best {
    /// Nothing is gained by a scale of zero.
    #[inline(always)]
    pub fn none() -> Best {
        Best { gain: Lanes::ZERO, scale: Lanes::ZERO }
    }

    /// Keeps what is better; whether any lane has that. `xq` and `qq` are `Σ w x q` and `Σ w q²` of codes `q`: their best
    /// scale is the quotient, and takes `xq² / qq` off the squared error of zeros.
    #[inline(always)]
    pub fn improve(&mut self, [xq, qq]: [Lanes; 2]) -> bool {
        let scale = xq / qq;
        let gain = xq * scale;
        let is_better = gain.above(self.gain).and(qq.above(Lanes::ZERO));
        self.gain = is_better.pick(gain, self.gain);
        self.scale = is_better.pick(scale, self.scale);
        is_better.any()
    }
}

/// `Σ w x q` and `Σ w q²` of the codes taken at `1 / inverse`.
#[inline(always)]
fn projected<const N: usize>(
    x: &[Lanes; N],
    w: &[Lanes; N],
    wx: &[Lanes; N],
    inverse: Lanes,
    levels: Levels,
) -> [Lanes; 2] {
    const { assert!(N.is_multiple_of(8)) };
    sums!(N, i => {
        let q = levels.codes(x[i] * inverse);
        [wx[i] * q, w[i] * q * q]
    })
}

/// The squared error at a scale.
#[inline(always)]
pub fn error_at<const N: usize>(x: &[Lanes; N], w: &[Lanes; N], scale: Lanes, levels: Levels) -> Lanes {
    let inverse = scale.inverse();
    let [error] = sums!(N, i => {
        let off = x[i] - scale * levels.codes(x[i] * inverse);
        [w[i] * off * off]
    });
    error
}

/// Codes at a scale, from zero on: the least is 0.
#[inline(always)]
pub fn codes<const N: usize>(x: &[f32; N], scale: f32, levels: Levels) -> [u8; N] {
    let inverse = inverse(scale);
    let mut codes = [0; N];
    for (code, x) in codes.iter_mut().zip(x) {
        *code = (levels.code(x * inverse) - levels.low) as u8;
    }
    codes
}
