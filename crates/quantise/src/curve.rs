//! Types whose codes pick one of sixteen uneven levels: `IQ4_NL`, `IQ4_XS`.
//! Layouts: `plimsoll_kernels`, `blocks/iq4.rs`.

use half::f16;
use plimsoll_kernels::{Isa, Vectorised};

use crate::blocks::Eight;
use crate::k_affine_fit::in_runs;
use crate::lanes::{LANES, Lanes, abreast, sums, weights};
use crate::scale::{Best, NOTHING, extreme};
use crate::simple::put_nibbles;
use crate::sums::{half, inverse, stored, within};

/// The levels of the `IQ4` types. Source: ggml, `kvalues_iq4nl`.
const CURVE: [f32; 16] =
    [-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0];
/// The nearest level of [`CURVE`] for every half from -128 on: all middles between levels are halves.
static NEAREST: [u8; 512] = nearest_levels();

const fn nearest_levels() -> [u8; 512] {
    let mut table = [0; 512];
    let mut at = 0;
    while at < 512 {
        // The quarter stands for all that lies between two halves.
        let value = at as f32 / 2.0 - 128.0 + 0.25;
        let mut level = 0;
        while level < 15 && value > (CURVE[level] + CURVE[level + 1]) / 2.0 {
            level += 1;
        }
        table[at] = level as u8;
        at += 1;
    }
    table
}

#[inline(always)]
fn on_curve(value: f32) -> u8 {
    NEAREST[((within(value, -128.0, 127.5) + 128.0) * 2.0) as usize & 511]
}

/// The levels nearest to `values`: as [`on_curve`] finds them, by comparing with every middle, which takes no look into a
/// table for each lane.
#[inline(always)]
fn levels(values: Lanes) -> Lanes {
    let (values, mut levels) = (values + Lanes::all(128.0), Lanes::all(CURVE[0]));
    for above in 1..16 {
        let middle = (CURVE[above - 1] + CURVE[above]) / 2.0 + 128.0;
        levels = values.at_least(middle).pick(Lanes::all(CURVE[above]), levels);
    }
    levels
}

/// Scales that are tried at each sign, and how the level of the greatest value goes from clipping to room above it.
const STEPS: usize = 16;
/// Times that codes and scale are settled after the grid.
const ROUNDS: usize = 3;

/// `IQ4_NL`.
pub fn iq4_nl(isa: Isa, Eight { x, w }: Eight<32>, blocks: &mut [[u8; 18]; LANES]) {
    let (scales, codes) = isa.run(FitScales { x, w });
    for (lane, block) in blocks.iter_mut().enumerate() {
        block[..2].copy_from_slice(&scales[lane].to_le_bytes());
        put_nibbles(&codes[lane], &mut block[2..]);
    }
}

/// `IQ4_XS`.
pub fn iq4_xs(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 136]) {
    let (d, runs, codes) = isa.run(FitRuns { x, w });
    block[..2].copy_from_slice(&half(d).to_le_bytes());
    let scales = runs.map(|scale| (scale + 32.0) as u16);
    let upper = scales.iter().enumerate().fold(0, |bits, (run, scale)| bits | scale >> 4 << (2 * run));
    block[2..4].copy_from_slice(&upper.to_le_bytes());
    for (byte, pair) in block[4..8].iter_mut().zip(scales.as_chunks::<2>().0) {
        *byte = (pair[0] & 15 | (pair[1] & 15) << 4) as u8;
    }
    for (codes, to) in codes.iter().zip(block[8..].chunks_exact_mut(16)) {
        put_nibbles(codes, to);
    }
}

/// Eight blocks to be fitted.
struct FitScales<'a> {
    x: [&'a [f32; 32]; LANES],
    w: Option<[&'a [f32; 32]; LANES]>,
}

impl Vectorised for FitScales<'_> {
    type Output = ([f16; LANES], [[u8; 32]; LANES]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let found = best_scale(&abreast(self.x), &weights(self.w));
        let (mut scales, mut codes) = ([f16::ZERO; LANES], [[0; 32]; LANES]);
        for lane in 0..LANES {
            scales[lane] = half(found.0[lane]);
            codes[lane] = coded(self.x[lane], scales[lane].to_f32());
        }
        (scales, codes)
    }
}

/// A block of eight runs to be fitted.
struct FitRuns<'a> {
    x: &'a [f32; 256],
    w: &'a [f32; 256],
}

impl Vectorised for FitRuns<'_> {
    type Output = (f32, [f32; LANES], [[u8; 32]; LANES]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let ([x], [w]) = (in_runs(self.x), in_runs(self.w));
        let ((d, runs), mut codes) = (fit(&x, &w), [[0; 32]; LANES]);
        for ((codes, x), scale) in codes.iter_mut().zip(self.x.as_chunks().0).zip(runs.0) {
            *codes = coded(x, d * scale);
        }
        (d, runs.0, codes)
    }
}

#[inline(always)]
fn coded(x: &[f32; 32], scale: f32) -> [u8; 32] {
    let (inverse, mut codes) = (inverse(scale), [0; 32]);
    for (code, x) in codes.iter_mut().zip(x) {
        *code = on_curve(x * inverse);
    }
    codes
}

/// The scales at which the values of each lane have the least error on the curve; 0 where all is as good as nothing.
#[inline(always)]
fn best_scale(x: &[Lanes; 32], w: &[Lanes; 32]) -> Lanes {
    let extreme = extreme(x);
    let mut best = Best::none();
    for step in 0..2 * STEPS + ROUNDS {
        let tried = if step < 2 * STEPS {
            let end = if step < STEPS { CURVE[0] } else { CURVE[15] };
            let share = 0.72 + 0.38 * (step % STEPS) as f32 / (STEPS - 1) as f32;
            Lanes::all(share * end) / extreme
        } else {
            best.scale.inverse()
        };
        if !best.improve(projected(x, w, tried)) && step >= 2 * STEPS {
            break;
        }
    }
    extreme.abs().above(Lanes::all(NOTHING)).pick(best.scale, Lanes::ZERO)
}

/// As in [`crate::scale`]: `Σ w x l` and `Σ w l²` of the levels taken at `1 / inverse`.
#[inline(always)]
fn projected(x: &[Lanes; 32], w: &[Lanes; 32], inverse: Lanes) -> [Lanes; 2] {
    sums!(32, i => {
        let level = levels(x[i] * inverse);
        [w[i] * x[i] * level, w[i] * level * level]
    })
}

#[inline(always)]
fn error_at(x: &[Lanes; 32], w: &[Lanes; 32], scale: Lanes) -> Lanes {
    let inverse = scale.inverse();
    let [error] = sums!(32, i => {
        let off = x[i] - scale * levels(x[i] * inverse);
        [w[i] * off * off]
    });
    error
}

/// As in [`crate::k_scaled`]: the unit of a block and the whole scale of each run, from -32 to 31.
#[inline(always)]
fn fit(x: &[Lanes; 32], w: &[Lanes; 32]) -> (f32, Lanes) {
    let (free, mut extreme) = (best_scale(x, w), 0.0f32);
    for scale in free.0 {
        extreme = if scale.abs() > extreme.abs() { scale } else { extreme };
    }
    if extreme.abs() < NOTHING {
        return (0.0, Lanes::ZERO);
    }
    let mut best = (f32::INFINITY, 0.0, Lanes::ZERO);
    for greatest in [-32.0, -30.0, 31.0] {
        let mut d = stored(extreme / greatest);
        let mut runs = (free * Lanes::all(d).inverse()).within(-32.0, 31.0).nearest();
        for _ in 0..3 {
            let (errors, chosen) = choose(x, w, d, runs);
            let mut total = 0.0;
            for error in errors.0 {
                total += error;
            }
            runs = chosen;
            if total >= best.0 * 0.9999 {
                break;
            }
            best = (total, d, runs);
            d = unit(x, w, d, runs);
        }
    }
    (best.1, best.2)
}

/// The best whole scale of each run beside `from`, and its error, which comes first.
#[inline(always)]
fn choose(x: &[Lanes; 32], w: &[Lanes; 32], d: f32, from: Lanes) -> (Lanes, Lanes) {
    let d = Lanes::all(d);
    let (mut least, mut best) = (error_at(x, w, d * from), from);
    for step in [-1.0, 1.0] {
        let scale = (from + Lanes::all(step)).within(-32.0, 31.0);
        let error = error_at(x, w, d * scale);
        let is_better = least.above(error);
        least = is_better.pick(error, least);
        best = is_better.pick(scale, best);
    }
    (least, best)
}

#[inline(always)]
fn unit(x: &[Lanes; 32], w: &[Lanes; 32], d: f32, runs: Lanes) -> f32 {
    let [xq, qq] = projected(x, w, (Lanes::all(d) * runs).inverse());
    let (mut with_x, mut squared) = (0.0f64, 0.0f64);
    for lane in 0..LANES {
        let scale = f64::from(runs.0[lane]);
        with_x += scale * f64::from(xq.0[lane]);
        squared += scale * scale * f64::from(qq.0[lane]);
    }
    if squared > 0.0 { stored((with_x / squared) as f32) } else { d }
}
