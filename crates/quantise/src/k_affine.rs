//! Types of 256 values whose runs have a scale and a minimum in units of the block's own two: `Q2_K`, `Q4_K`, `Q5_K`.
//! Layouts: `plimsoll_kernels`, `blocks/{q2_k,q4_k,q5_k,k_scales}.rs`.
//!
//! Each run is fitted alone, which gives the block's units; then the whole numbers of every run are chosen for the units
//! that are stored, and the units for the whole numbers, until neither changes.

use crate::affine::{Affine, best_affine, codes, error_at};
use crate::sums::{half, inverse, nearest, stored, sums, within};

/// Bits of codes and of scales and minima.
#[derive(Clone, Copy)]
struct Shape {
    /// The greatest code.
    high: f32,
    /// The greatest scale and minimum.
    most: f32,
    /// How far from the scale at hand others are tried.
    reach: i32,
}

/// A block before it is packed.
struct Fitted<const RUNS: usize, const LEN: usize> {
    d: f32,
    dmin: f32,
    /// (scale, minimum) of each run.
    runs: [(f32, f32); RUNS],
    codes: [[u8; LEN]; RUNS],
}

/// `Q4_K`.
pub fn q4_k(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 144]) {
    let fitted = fit::<8, 32>(x, w, Shape { high: 15.0, most: 63.0, reach: 2 });
    put_head(&fitted, block);
    put_nibbles(&fitted.codes, &mut block[16..]);
}

/// `Q5_K`.
pub fn q5_k(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 176]) {
    let fitted = fit::<8, 32>(x, w, Shape { high: 31.0, most: 63.0, reach: 2 });
    put_head(&fitted, block);
    for (i, byte) in block[16..48].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |bits, run| bits | fitted.codes[run][i] >> 4 << run);
    }
    put_nibbles(&fitted.codes, &mut block[48..]);
}

/// `Q2_K`.
pub fn q2_k(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 84]) {
    let fitted = fit::<16, 16>(x, w, Shape { high: 3.0, most: 15.0, reach: 2 });
    for (byte, (scale, minimum)) in block.iter_mut().zip(fitted.runs) {
        *byte = scale as u8 | (minimum as u8) << 4;
    }
    put_two_bits(fitted.codes.as_flattened(), &mut block[16..80]);
    block[80..82].copy_from_slice(&half(fitted.d).to_le_bytes());
    block[82..].copy_from_slice(&half(fitted.dmin).to_le_bytes());
}

/// 256 codes of 2 bits: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i`.
pub fn put_two_bits(codes: &[u8], to: &mut [u8]) {
    for (half, bytes) in to.chunks_exact_mut(32).enumerate() {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |bits, plane| bits | (codes[128 * half + 32 * plane + i] & 3) << (2 * plane));
        }
    }
}

/// Byte `32 g + i` holds value `64 g + i` low and `64 g + 32 + i` high.
fn put_nibbles(codes: &[[u8; 32]; 8], to: &mut [u8]) {
    for (pair, bytes) in codes.as_chunks::<2>().0.iter().zip(to.chunks_exact_mut(32)) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = pair[0][i] & 15 | pair[1][i] << 4;
        }
    }
}

/// `d`, `dmin` and eight pairs of 6 bits in twelve bytes.
fn put_head(fitted: &Fitted<8, 32>, block: &mut [u8]) {
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    block[2..4].copy_from_slice(&half(fitted.dmin).to_le_bytes());
    let pairs = fitted.runs.map(|(scale, minimum)| (scale as u8, minimum as u8));
    for i in 0..4 {
        let ((scale, min), (upper_scale, upper_min)) = (pairs[i], pairs[i + 4]);
        block[4 + i] = scale | upper_scale >> 4 << 6;
        block[8 + i] = min | upper_min >> 4 << 6;
        block[12 + i] = upper_scale & 15 | upper_min << 4;
    }
}

fn fit<const RUNS: usize, const LEN: usize>(x: &[f32; 256], w: &[f32; 256], shape: Shape) -> Fitted<RUNS, LEN> {
    let (x, w): (&[[f32; LEN]; RUNS], &[[f32; LEN]; RUNS]) = (in_runs(x), in_runs(w));
    let free: [Affine; RUNS] = std::array::from_fn(|run| best_affine(&x[run], &w[run], shape.high, true));
    let widest = free.iter().fold(0.0f32, |most, run| most.max(run.scale));
    let lowest = free.iter().fold(0.0f32, |most, run| most.max(-run.offset));
    // Where few whole numbers stand for the scales, the greatest need not be the greatest of them.
    let below: &[f32] = if shape.most < 32.0 { &[0.0, 1.0, 2.0, 3.5, 5.0] } else { &[0.0, 3.0] };
    let starts = below.iter().map(|below| {
        let units = (stored(widest / (shape.most - below)), stored(lowest / (shape.most - below)));
        let runs = free.map(|run| start(run, units.0, units.1, shape));
        settled(x, w, units, &runs, Shape { reach: 1, ..shape })
    });
    let mut best = starts.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a start");
    for reach in [2, 1, 1, 1] {
        let better = units(x, w, best.1, &best.2, shape);
        let found = settled(x, w, better, &best.2, Shape { reach, ..shape });
        if found.0 >= best.0 {
            break;
        }
        best = found;
    }
    let (_, (d, dmin), runs) = best;
    let codes = std::array::from_fn(|run| codes(&x[run], at((d, dmin), runs[run]), shape.high));
    Fitted { d, dmin, runs, codes }
}

/// Every run's whole numbers chosen for these units: their error, the units, the numbers.
fn settled<const RUNS: usize, const LEN: usize>(
    x: &[[f32; LEN]; RUNS],
    w: &[[f32; LEN]; RUNS],
    units: (f32, f32),
    from: &[(f32, f32); RUNS],
    shape: Shape,
) -> (f32, (f32, f32), [(f32, f32); RUNS]) {
    let mut total = 0.0;
    let runs = std::array::from_fn(|run| {
        let (error, chosen) = choose(&x[run], &w[run], units, from[run], shape);
        total += error;
        chosen
    });
    (total, units, runs)
}

fn in_runs<const RUNS: usize, const LEN: usize>(values: &[f32; 256]) -> &[[f32; LEN]; RUNS] {
    values.as_chunks().0.try_into().expect("256 values")
}

/// What a run's whole numbers stand for.
fn at(units: (f32, f32), run: (f32, f32)) -> Affine {
    Affine { scale: units.0 * run.0, offset: -(units.1 * run.1) }
}

fn start(free: Affine, d: f32, dmin: f32, shape: Shape) -> (f32, f32) {
    let whole = |value: f32, unit: f32| nearest(within(value * inverse(unit), 0.0, shape.most));
    (whole(free.scale, d), whole(-free.offset, dmin))
}

/// The best scale within reach, with the minimum that is best beside it; and their error.
fn choose<const LEN: usize>(
    x: &[f32; LEN],
    w: &[f32; LEN],
    units: (f32, f32),
    from: (f32, f32),
    shape: Shape,
) -> (f32, (f32, f32)) {
    let mut best = (error_at(x, w, at(units, from), shape.high), from);
    for step in -shape.reach..=shape.reach {
        let scale = from.0 + step as f32;
        if !(0.0..=shape.most).contains(&scale) {
            continue;
        }
        let mut minimum = from.1;
        for _ in 0..2 {
            let found = best_minimum(x, w, units, (scale, minimum), shape);
            let error = error_at(x, w, at(units, (scale, found)), shape.high);
            if error < best.0 {
                best = (error, (scale, found));
            }
            if found == minimum {
                break;
            }
            minimum = found;
        }
    }
    for step in [-1.0, 1.0] {
        let (scale, minimum) = best.1;
        let tried = (scale, within(minimum + step, 0.0, shape.most));
        let error = error_at(x, w, at(units, tried), shape.high);
        if error < best.0 {
            best = (error, tried);
        }
    }
    best
}

/// The whole minimum that is best for the codes taken at `run`.
#[inline(always)]
fn best_minimum<const LEN: usize>(
    x: &[f32; LEN],
    w: &[f32; LEN],
    units: (f32, f32),
    run: (f32, f32),
    shape: Shape,
) -> f32 {
    let Affine { scale, offset } = at(units, run);
    let inverse_scale = inverse(scale);
    let [off, weight] = sums::<LEN, 2>(|i| {
        let q = nearest(within((x[i] - offset) * inverse_scale, 0.0, shape.high));
        [w[i] * (scale * q - x[i]), w[i]]
    });
    nearest(within(off * inverse(weight) * inverse(units.1), 0.0, shape.most))
}

/// The units that are best for the whole numbers chosen, as half precision has them.
fn units<const RUNS: usize, const LEN: usize>(
    x: &[[f32; LEN]; RUNS],
    w: &[[f32; LEN]; RUNS],
    now: (f32, f32),
    runs: &[(f32, f32); RUNS],
    shape: Shape,
) -> (f32, f32) {
    // x ≈ d · (scale · q) − dmin · minimum: two unknowns.
    let [mut aa, mut ab, mut bb, mut ax, mut bx] = [0.0f64; 5];
    for (run, &(scale, minimum)) in runs.iter().enumerate() {
        let (x, w) = (&x[run], &w[run]);
        let Affine { scale: step, offset } = at(now, (scale, minimum));
        let inverse_step = inverse(step);
        let [wq, wqq, wqx, sw, sx] = sums::<LEN, 5>(|i| {
            let q = nearest(within((x[i] - offset) * inverse_step, 0.0, shape.high));
            let wq = w[i] * q;
            [wq, wq * q, wq * x[i], w[i], w[i] * x[i]]
        });
        let (scale, minimum) = (f64::from(scale), f64::from(minimum));
        aa += scale * scale * f64::from(wqq);
        ab += scale * minimum * f64::from(wq);
        bb += minimum * minimum * f64::from(sw);
        ax += scale * f64::from(wqx);
        bx += minimum * f64::from(sx);
    }
    let det = aa * bb - ab * ab;
    let (d, dmin) = match () {
        () if det > 1e-9 * aa * bb => ((ax * bb - ab * bx) / det, (ab * ax - aa * bx) / det),
        () if aa > 0.0 && bb == 0.0 => (ax / aa, f64::from(now.1)),
        () => return now,
    };
    if d > 0.0 && dmin >= 0.0 { (stored(d as f32), stored(dmin as f32)) } else { now }
}
