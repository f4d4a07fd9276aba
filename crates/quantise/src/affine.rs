//! A scale and an offset for values that become whole numbers from zero on: `x ≈ scale · q + offset`.
//!
//! As in [`crate::scale`], with two unknowns: the grid moves both ends of the range, and for given codes scale and offset
//! are the solution of two linear equations.

use half::f16;
use plimsoll_kernels::Vectorised;

use crate::lanes::{LANES, Lanes, abreast, sums, weights};
use crate::sums::{half, inverse, nearest, within};

/// A scale and an offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// Never negative.
    pub scale: f32,
    /// What code 0 stands for.
    pub offset: f32,
}

/// The same for the values of each lane.
#[derive(Clone, Copy)]
pub struct Affines {
    /// Never negative.
    pub scale: Lanes,
    /// What code 0 stands for.
    pub offset: Lanes,
}

impl Affines {
    /// Everything zero.
    pub const NONE: Affines = Affines { scale: Lanes::ZERO, offset: Lanes::ZERO };

    /// Those of a lane.
    #[inline(always)]
    pub fn of(&self, lane: usize) -> Affine {
        Affine { scale: self.scale.0[lane], offset: self.offset.0[lane] }
    }
}

/// How far each end of the range is moved inwards, in steps of the unmoved range.
const MOVED: [f32; 6] = [-0.3, 0.0, 0.25, 0.5, 0.8, 1.2];
/// Times that codes, scale and offset are settled after the grid.
const ROUNDS: usize = 4;

/// Scales and offsets that eight blocks have side by side, as they are stored, and the codes at them.
pub struct Coded<const N: usize> {
    pub scales: [f16; LANES],
    pub offsets: [f16; LANES],
    pub codes: [[u8; N]; LANES],
}

/// Eight blocks to be fitted with codes from 0 to `high`, and how much their values count; `None` where all count alike.
pub struct FitAffines<'a, const N: usize> {
    pub x: [&'a [f32; N]; LANES],
    pub w: Option<[&'a [f32; N]; LANES]>,
    pub high: f32,
}

impl<const N: usize> Vectorised for FitAffines<'_, N> {
    type Output = Coded<N>;

    #[inline(always)]
    fn run(self) -> Coded<N> {
        let found = best_affine(&abreast(self.x), &weights(self.w), self.high, false);
        let mut all = Coded { scales: [f16::ZERO; LANES], offsets: [f16::ZERO; LANES], codes: [[0; N]; LANES] };
        for lane in 0..LANES {
            (all.scales[lane], all.offsets[lane]) = (half(found.scale.0[lane]), half(found.offset.0[lane]));
            let at = Affine { scale: all.scales[lane].to_f32(), offset: all.offsets[lane].to_f32() };
            all.codes[lane] = codes(self.x[lane], at, self.high);
        }
        all
    }
}

/// The scale and offset at which the values of each lane have the least error under the weights `w` with codes from 0 to
/// `high`. With `negative`, no offset is above zero.
#[inline(always)]
pub fn best_affine<const N: usize>(x: &[Lanes; N], w: &[Lanes; N], high: f32, negative: bool) -> Affines {
    let (mut least, mut most) = (x[0], x[0]);
    for &v in x {
        least = v.min(least);
        most = v.max(most);
    }
    if negative {
        least = least.above(Lanes::ZERO).pick(Lanes::ZERO, least);
    }
    let fit = Fit::new(x, w, least, high, negative);
    let range = most - least;
    // Small types lose half of a level by what costs large ones nothing.
    let step = range / Lanes::all(high) * Lanes::all(if high < 8.0 { 0.5 } else { 1.0 });
    let mut best = Best::none();
    const GRID: usize = MOVED.len() * MOVED.len();
    for round in 0..GRID + ROUNDS {
        let tried = if round < GRID {
            let (bottom, top) = (MOVED[round / MOVED.len()], MOVED[round % MOVED.len()]);
            let scale = (range - Lanes::all(bottom + top) * step) / Lanes::all(high);
            Affines { scale, offset: Lanes::all(bottom) * step }
        } else {
            best.at
        };
        if !fit.improve(&mut best, tried) && round >= GRID {
            break;
        }
    }
    let one = constant(x, w, least, high, negative);
    let has_scale = best.at.scale.above(Lanes::ZERO);
    Affines {
        scale: has_scale.pick(best.at.scale, one.scale),
        offset: has_scale.pick(best.at.offset + least, one.offset),
    }
}

/// What stands for one number: the mean of the values of each lane, `least` where none counts. Nothing better is found
/// where all that counts has one code.
#[inline(always)]
fn constant<const N: usize>(x: &[Lanes; N], w: &[Lanes; N], least: Lanes, high: f32, negative: bool) -> Affines {
    let [sum_w, sum_wx] = sums!(N, i => [w[i], w[i] * x[i]]);
    let mean = sum_w.above(Lanes::ZERO).pick(sum_wx / sum_w, least);
    if !negative {
        return Affines { scale: Lanes::ZERO, offset: mean };
    }
    // No offset is above zero: the greatest code stands for it.
    let is_above = mean.above(Lanes::ZERO);
    Affines { scale: is_above.pick(mean / Lanes::all(high), Lanes::ZERO), offset: is_above.pick(Lanes::ZERO, mean) }
}

/// The greatest gain so far, and what has it.
struct Best {
    gain: Lanes,
    at: Affines,
}

impl Best {
    #[inline(always)]
    fn none() -> Best {
        Best { gain: Lanes::all(f32::NEG_INFINITY), at: Affines::NONE }
    }
}

/// The part of both products that their difference is at least: what is left of sums that should be equal is rounding, of
/// which a scale and an offset would be anything.
const DIFFERENT: f32 = 1e-6;

/// The values of one group in each lane, counted from the least.
struct Fit<const N: usize> {
    y: [Lanes; N],
    w: [Lanes; N],
    sum_w: Lanes,
    sum_wy: Lanes,
    high: f32,
    /// The greatest offset that may be.
    most: Lanes,
}

impl<const N: usize> Fit<N> {
    #[inline(always)]
    fn new(x: &[Lanes; N], w: &[Lanes; N], least: Lanes, high: f32, negative: bool) -> Fit<N> {
        const { assert!(N.is_multiple_of(8)) };
        let mut y = *x;
        for y in &mut y {
            *y = *y - least;
        }
        let [sum_w, sum_wy] = sums!(N, i => [w[i], w[i] * y[i]]);
        let most = if negative { Lanes::ZERO - least } else { Lanes::all(f32::INFINITY) };
        Fit { y, w: *w, sum_w, sum_wy, high, most }
    }

    /// Takes codes at `at`, solves for scale and offset, and keeps them if they are better; whether any lane has that.
    #[inline(always)]
    fn improve(&self, best: &mut Best, at: Affines) -> bool {
        let inverse = at.scale.inverse();
        let [wq, wqq, wyq] = sums!(N, i => {
            let q = ((self.y[i] - at.offset) * inverse).within(0.0, self.high).nearest();
            let wq = self.w[i] * q;
            [wq, wq * q, wq * self.y[i]]
        });
        let both = self.sum_w * wqq;
        let det = both - wq * wq;
        let (scale, offset) = ((self.sum_w * wyq - self.sum_wy * wq) / det, (wqq * self.sum_wy - wq * wyq) / det);
        let is_over = offset.above(self.most);
        let offset = is_over.pick(self.most, offset);
        let scale = is_over.pick((wyq - offset * wq) / wqq, scale);
        let two = Lanes::all(2.0);
        let gain =
            scale * (two * wyq - scale * wqq - two * offset * wq) + offset * (two * self.sum_wy - offset * self.sum_w);
        let can_be = det.above(Lanes::all(DIFFERENT) * both).and(wqq.above(Lanes::ZERO)).and(scale.above(Lanes::ZERO));
        let is_better = gain.above(best.gain).and(can_be);
        best.gain = is_better.pick(gain, best.gain);
        best.at.scale = is_better.pick(scale, best.at.scale);
        best.at.offset = is_better.pick(offset, best.at.offset);
        is_better.any()
    }
}

/// The squared error at a scale and an offset.
#[inline(always)]
pub fn error_at<const N: usize>(x: &[Lanes; N], w: &[Lanes; N], at: Affines, high: f32) -> Lanes {
    let inverse = at.scale.inverse();
    let [error] = sums!(N, i => {
        let q = ((x[i] - at.offset) * inverse).within(0.0, high).nearest();
        let off = x[i] - (at.scale * q + at.offset);
        [w[i] * off * off]
    });
    error
}

/// Codes at a scale and an offset.
#[inline(always)]
pub fn codes<const N: usize>(x: &[f32; N], at: Affine, high: f32) -> [u8; N] {
    let inverse = inverse(at.scale);
    let mut codes = [0; N];
    for (code, x) in codes.iter_mut().zip(x) {
        *code = nearest(within((x - at.offset) * inverse, 0.0, high)) as u8;
    }
    codes
}
