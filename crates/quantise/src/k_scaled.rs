//! Types of 256 values whose runs have a scale in units of the block's own: `Q3_K` and `Q6_K`.
//! Layouts: `plimsoll_kernels`, `blocks/{q3_k,q6_k}.rs`.

use crate::k_affine::put_two_bits;
use crate::scale::{Levels, NOTHING, best_scale, codes, error_at};
use crate::sums::{half, inverse, nearest, stored, sums, within};

const Q6: Levels = Levels { low: -32.0, high: 31.0 };
const Q3: Levels = Levels { low: -4.0, high: 3.0 };
const RUNS: usize = 16;

/// `Q6_K`.
pub fn q6_k(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 210]) {
    let scales = Levels { low: -128.0, high: 127.0 };
    let (d, runs) = fit(x, w, Q6, scales, &[-128.0, -124.0]);
    let codes = coded(x, d, &runs, Q6);
    for half in 0..2 {
        let value = |i: usize| codes[128 * half + i];
        for i in 0..64 {
            block[64 * half + i] = value(i) & 15 | value(64 + i) << 4;
        }
        for i in 0..32 {
            block[128 + 32 * half + i] = (0..4).fold(0, |bits, plane| bits | value(32 * plane + i) >> 4 << (2 * plane));
        }
    }
    for (byte, scale) in block[192..208].iter_mut().zip(runs) {
        *byte = scale as i8 as u8;
    }
    block[208..].copy_from_slice(&half(d).to_le_bytes());
}

/// `Q3_K`.
pub fn q3_k(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 110]) {
    let scales = Levels { low: -32.0, high: 31.0 };
    let (d, runs) = fit(x, w, Q3, scales, &[-32.0, -30.5, -29.0, -27.0, 31.0, 29.0]);
    let codes = coded(x, d, &runs, Q3);
    for (i, byte) in block[..32].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |bits, plane| bits | (codes[32 * plane + i] >> 2) << plane);
    }
    put_two_bits(&codes, &mut block[32..96]);
    let stored = runs.map(|scale| (scale + 32.0) as u8);
    for run in 0..8 {
        block[96 + run] = stored[run] & 15 | stored[run + 8] << 4;
    }
    for byte in 0..4 {
        block[104 + byte] = (0..4).fold(0, |bits, quarter| bits | stored[byte + 4 * quarter] >> 4 << (2 * quarter));
    }
    block[108..].copy_from_slice(&half(d).to_le_bytes());
}

fn coded(x: &[f32; 256], d: f32, runs: &[f32; RUNS], levels: Levels) -> [u8; 256] {
    let mut all = [0; 256];
    let x = x.as_chunks::<16>().0;
    for ((to, x), scale) in all.as_chunks_mut::<16>().0.iter_mut().zip(x).zip(runs) {
        *to = codes(x, d * scale, levels);
    }
    all
}

/// The unit of a block, as half precision has it, and the whole scale of each run. `greatest` are the whole numbers that
/// the greatest scale begins as.
fn fit(x: &[f32; 256], w: &[f32; 256], levels: Levels, scales: Levels, greatest: &[f32]) -> (f32, [f32; RUNS]) {
    let (x, w) = (x.as_chunks::<16>().0, w.as_chunks::<16>().0);
    let free: [f32; RUNS] = std::array::from_fn(|run| best_scale(&x[run], &w[run], levels));
    let extreme = free.iter().fold(0.0f32, |most, s| if s.abs() > most.abs() { *s } else { most });
    if extreme.abs() < NOTHING {
        return (0.0, [0.0; RUNS]);
    }
    let starts = greatest.iter().map(|greatest| {
        let d = stored(extreme / greatest);
        let runs = free.map(|scale| nearest(within(scale * inverse(d), scales.low, scales.high)));
        settled(x, w, d, &runs, levels, scales)
    });
    let mut best = starts.min_by(|a, b| a.0.total_cmp(&b.0)).expect("a start");
    for _ in 0..4 {
        let found = settled(x, w, unit(x, w, best.1, &best.2, levels), &best.2, levels, scales);
        if found.0 >= best.0 {
            break;
        }
        best = found;
    }
    (best.1, best.2)
}

/// Every run's whole scale chosen for this unit: their error, the unit, the scales.
fn settled(
    x: &[[f32; 16]],
    w: &[[f32; 16]],
    d: f32,
    from: &[f32; RUNS],
    levels: Levels,
    scales: Levels,
) -> (f32, f32, [f32; RUNS]) {
    let mut total = 0.0;
    let runs = std::array::from_fn(|run| {
        let (error, chosen) = choose(&x[run], &w[run], d, from[run], levels, scales);
        total += error;
        chosen
    });
    (total, d, runs)
}

/// The best scale beside `from`, and its error.
fn choose(x: &[f32; 16], w: &[f32; 16], d: f32, from: f32, levels: Levels, scales: Levels) -> (f32, f32) {
    let mut best = (error_at(x, w, d * from, levels), from);
    for step in [-2.0, -1.0, 1.0, 2.0] {
        let scale = within(from + step, scales.low, scales.high);
        let error = error_at(x, w, d * scale, levels);
        if error < best.0 {
            best = (error, scale);
        }
    }
    best
}

/// The unit that is best for the codes and scales chosen, as half precision has it.
fn unit(x: &[[f32; 16]], w: &[[f32; 16]], d: f32, runs: &[f32; RUNS], levels: Levels) -> f32 {
    let (mut with_x, mut squared) = (0.0f64, 0.0f64);
    for (run, &scale) in runs.iter().enumerate() {
        let (x, w, inverse) = (&x[run], &w[run], inverse(d * scale));
        let [xq, qq] = sums::<16, 2>(|i| {
            let q = levels.code(x[i] * inverse);
            [w[i] * x[i] * q, w[i] * q * q]
        });
        with_x += f64::from(scale) * f64::from(xq);
        squared += f64::from(scale) * f64::from(scale) * f64::from(qq);
    }
    if squared > 0.0 { stored((with_x / squared) as f32) } else { d }
}
