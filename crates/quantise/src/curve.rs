//! Types whose codes pick one of sixteen uneven levels: `IQ4_NL`, `IQ4_XS`, `MXFP4`.
//! Layouts: `plimsoll_kernels`, `blocks/{iq4,mxfp4}.rs`.

use crate::scale::{NOTHING, better};
use crate::simple::put_nibbles;
use crate::sums::{half, inverse, nearest, stored, sums, within};

/// The levels of the `IQ4` types. Source: ggml, `kvalues_iq4nl`.
const CURVE: [f32; 16] =
    [-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0];
/// The levels of E2M1. Source: OCP Microscaling Formats 1.0.
const E2M1: [f32; 16] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, -0.0, -0.5, -1.0, -1.5, -2.0, -3.0, -4.0, -6.0];

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

/// Scales that are tried at each sign, and how the level of the greatest value goes from clipping to room above it.
const STEPS: usize = 16;

/// `IQ4_NL`.
pub fn iq4_nl(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 18]) {
    let d = stored(best_scale(x, w));
    block[..2].copy_from_slice(&half(d).to_le_bytes());
    put_nibbles(&coded(x, d), &mut block[2..]);
}

/// `IQ4_XS`.
pub fn iq4_xs(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 136]) {
    let (x, w) = (x.as_chunks::<32>().0, w.as_chunks::<32>().0);
    let (d, runs) = fit_runs(x, w);
    block[..2].copy_from_slice(&half(d).to_le_bytes());
    let scales = runs.map(|scale| (scale + 32.0) as u16);
    let upper = scales.iter().enumerate().fold(0, |bits, (run, scale)| bits | scale >> 4 << (2 * run));
    block[2..4].copy_from_slice(&upper.to_le_bytes());
    for (byte, pair) in block[4..8].iter_mut().zip(scales.as_chunks::<2>().0) {
        *byte = (pair[0] & 15 | (pair[1] & 15) << 4) as u8;
    }
    for (run, to) in block[8..].chunks_exact_mut(16).enumerate() {
        put_nibbles(&coded(&x[run], d * runs[run]), to);
    }
}

/// `MXFP4`: the power of two of the three that come into question.
pub fn mxfp4(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 17]) {
    let extreme = x.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    // The greatest level is 1.5 · 2^2. Source: OCP Microscaling Formats 1.0, 6.3.
    let exponent = (extreme.to_bits() >> 23).saturating_sub(2);
    let tried = [exponent, (exponent + 1).min(254), exponent.saturating_sub(1)];
    let mut best = (f32::INFINITY, 0, [0; 32]);
    for exponent in tried {
        let scale = f32::from_bits(if exponent == 0 { 1 << 22 } else { exponent << 23 });
        let codes = x.map(|x| to_e2m1(x / scale)); // a power of two: exact but for what is below any level
        let [error] = sums::<32, 1>(|i| {
            let off = x[i] - scale * E2M1[usize::from(codes[i])];
            [w[i] * off * off]
        });
        if error < best.0 {
            best = (error, exponent as u8, codes);
        }
    }
    block[0] = best.1;
    put_nibbles(&best.2, &mut block[1..]);
}

fn to_e2m1(value: f32) -> u8 {
    let magnitude = value.abs();
    let code = (1..8).fold(0, |code, level| {
        let middle = (E2M1[level - 1] + E2M1[level]) / 2.0;
        if magnitude > middle { level as u8 } else { code }
    });
    if value < 0.0 && code > 0 { code | 8 } else { code }
}

fn coded(x: &[f32; 32], scale: f32) -> [u8; 32] {
    let inverse = inverse(scale);
    x.map(|x| on_curve(x * inverse))
}

/// The scale at which 32 values have the least error on the curve; 0 where all is as good as nothing.
fn best_scale(x: &[f32; 32], w: &[f32; 32]) -> f32 {
    let extreme = x.iter().fold(0.0f32, |most, v| if v.abs() > most.abs() { *v } else { most });
    if extreme.abs() < NOTHING {
        return 0.0;
    }
    let mut best = (0.0, 0.0);
    for end in [CURVE[0], CURVE[15]] {
        for step in 0..STEPS {
            let share = 0.72 + 0.38 * step as f32 / (STEPS - 1) as f32;
            better(&mut best, projected(x, w, share * end / extreme));
        }
    }
    for _ in 0..3 {
        let at = inverse(best.1);
        if !better(&mut best, projected(x, w, at)) {
            break;
        }
    }
    best.1
}

fn levels(x: &[f32; 32], inverse: f32) -> [f32; 32] {
    x.map(|x| CURVE[usize::from(on_curve(x * inverse))])
}

/// As in [`crate::scale`]: what is gained, and the best scale for the codes.
fn projected(x: &[f32; 32], w: &[f32; 32], inverse: f32) -> (f32, f32) {
    let (xq, qq) = with_levels(x, w, inverse);
    if qq > 0.0 { (xq * (xq / qq), xq / qq) } else { (0.0, 0.0) }
}

fn with_levels(x: &[f32; 32], w: &[f32; 32], inverse: f32) -> (f32, f32) {
    let levels = levels(x, inverse);
    let [xq, qq] = sums::<32, 2>(|i| [w[i] * x[i] * levels[i], w[i] * levels[i] * levels[i]]);
    (xq, qq)
}

fn error_at(x: &[f32; 32], w: &[f32; 32], scale: f32) -> f32 {
    let levels = levels(x, inverse(scale));
    let [error] = sums::<32, 1>(|i| {
        let off = x[i] - scale * levels[i];
        [w[i] * off * off]
    });
    error
}

/// As in [`crate::k_scaled`]: the unit of a block and the whole scale of each run, from -32 to 31.
fn fit_runs(x: &[[f32; 32]], w: &[[f32; 32]]) -> (f32, [f32; 8]) {
    let free: [f32; 8] = std::array::from_fn(|run| best_scale(&x[run], &w[run]));
    let extreme = free.iter().fold(0.0f32, |most, s| if s.abs() > most.abs() { *s } else { most });
    if extreme.abs() < NOTHING {
        return (0.0, [0.0; 8]);
    }
    let mut best = (f32::INFINITY, 0.0, [0.0; 8]);
    for greatest in [-32.0, -30.0, 31.0] {
        let mut d = stored(extreme / greatest);
        let mut runs = free.map(|scale| nearest(within(scale * inverse(d), -32.0, 31.0)));
        for _ in 0..3 {
            let mut total = 0.0;
            for run in 0..8 {
                let (error, chosen) = choose(&x[run], &w[run], d, runs[run]);
                (runs[run], total) = (chosen, total + error);
            }
            if total >= best.0 * 0.9999 {
                break;
            }
            best = (total, d, runs);
            d = unit(x, w, d, &runs);
        }
    }
    (best.1, best.2)
}

fn choose(x: &[f32; 32], w: &[f32; 32], d: f32, from: f32) -> (f32, f32) {
    let mut best = (error_at(x, w, d * from), from);
    for step in [-1.0, 1.0] {
        let scale = within(from + step, -32.0, 31.0);
        let error = error_at(x, w, d * scale);
        if error < best.0 {
            best = (error, scale);
        }
    }
    best
}

fn unit(x: &[[f32; 32]], w: &[[f32; 32]], d: f32, runs: &[f32; 8]) -> f32 {
    let (mut with_x, mut squared) = (0.0f64, 0.0f64);
    for (run, &scale) in runs.iter().enumerate() {
        let (xq, qq) = with_levels(&x[run], &w[run], inverse(d * scale));
        with_x += f64::from(scale) * f64::from(xq);
        squared += f64::from(scale) * f64::from(scale) * f64::from(qq);
    }
    if squared > 0.0 { stored((with_x / squared) as f32) } else { d }
}
