//! Types of 256 values whose runs have a scale in units of the block's own: `Q3_K` and `Q6_K`.
//! Layouts: `plimsoll_kernels`, `blocks/{q3_k,q6_k}.rs`.

use plimsoll_kernels::{Isa, Vectorised};

use crate::k_affine::put_two_bits;
use crate::k_affine_fit::in_runs;
use crate::lanes::{LANES, Lanes, sums};
use crate::scale::{Levels, NOTHING, best_scale, codes, error_at};
use crate::sums::{half, stored};

const Q6: Levels = Levels { low: -32.0, high: 31.0 };
const Q3: Levels = Levels { low: -4.0, high: 3.0 };
const RUNS: usize = 16;
const GROUPS: usize = RUNS / LANES;

/// `Q6_K`.
pub fn q6_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 210]) {
    let scales = Levels { low: -128.0, high: 127.0 };
    let (fitted, codes) = isa.run(Fit { x, w, levels: Q6, scales, greatest: &[-128.0, -124.0] });
    for half in 0..2 {
        let value = |i: usize| codes[128 * half + i];
        for i in 0..64 {
            block[64 * half + i] = value(i) & 15 | value(64 + i) << 4;
        }
        for i in 0..32 {
            block[128 + 32 * half + i] = (0..4).fold(0, |bits, plane| bits | value(32 * plane + i) >> 4 << (2 * plane));
        }
    }
    for (run, byte) in block[192..208].iter_mut().enumerate() {
        *byte = fitted.scale(run) as i8 as u8;
    }
    block[208..].copy_from_slice(&half(fitted.d).to_le_bytes());
}

/// `Q3_K`.
pub fn q3_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 110]) {
    let scales = Levels { low: -32.0, high: 31.0 };
    let greatest = &[-32.0, -30.5, -29.0, -27.0, 31.0, 29.0];
    let (fitted, codes) = isa.run(Fit { x, w, levels: Q3, scales, greatest });
    for (i, byte) in block[..32].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |bits, plane| bits | (codes[32 * plane + i] >> 2) << plane);
    }
    put_two_bits(&codes, &mut block[32..96]);
    let stored: [u8; RUNS] = std::array::from_fn(|run| (fitted.scale(run) + 32.0) as u8);
    for run in 0..8 {
        block[96 + run] = stored[run] & 15 | stored[run + 8] << 4;
    }
    for byte in 0..4 {
        block[104 + byte] = (0..4).fold(0, |bits, quarter| bits | stored[byte + 4 * quarter] >> 4 << (2 * quarter));
    }
    block[108..].copy_from_slice(&half(fitted.d).to_le_bytes());
}

/// A block to be fitted; `greatest` are the whole numbers that the greatest scale begins as.
struct Fit<'a> {
    x: &'a [f32; 256],
    w: &'a [f32; 256],
    levels: Levels,
    scales: Levels,
    greatest: &'a [f32],
}

impl Vectorised for Fit<'_> {
    type Output = (Settled, [u8; 256]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let fitted = fit(self.x, self.w, self.levels, self.scales, self.greatest);
        (fitted, coded(self.x, &fitted, self.levels))
    }
}

/// The unit of a block, as half precision has it, the whole scale of each run, and their error.
#[derive(Clone, Copy)]
struct Settled {
    error: f32,
    d: f32,
    runs: [Lanes; GROUPS],
}

impl Settled {
    const NONE: Settled = Settled { error: f32::INFINITY, d: 0.0, runs: [Lanes::ZERO; GROUPS] };

    #[inline(always)]
    fn scale(&self, run: usize) -> f32 {
        self.runs[run / LANES].0[run % LANES]
    }
}

#[inline(always)]
fn coded(x: &[f32; 256], fitted: &Settled, levels: Levels) -> [u8; 256] {
    let mut all = [0; 256];
    let runs = all.as_chunks_mut::<16>().0.iter_mut().zip(x.as_chunks::<16>().0);
    for (run, (to, x)) in runs.enumerate() {
        *to = codes(x, fitted.d * fitted.scale(run), levels);
    }
    all
}

#[inline(always)]
fn fit(x: &[f32; 256], w: &[f32; 256], levels: Levels, scales: Levels, greatest: &[f32]) -> Settled {
    let block = Block { x: in_runs(x), w: in_runs(w), levels, scales };
    let (mut free, mut extreme) = ([Lanes::ZERO; GROUPS], 0.0f32);
    for (group, free) in free.iter_mut().enumerate() {
        *free = best_scale(&block.x[group], &block.w[group], levels);
        for scale in free.0 {
            extreme = if scale.abs() > extreme.abs() { scale } else { extreme };
        }
    }
    if extreme.abs() < NOTHING {
        return Settled::NONE;
    }
    let mut best = Settled::NONE;
    for round in 0..greatest.len() + ROUNDS {
        let is_start = round < greatest.len();
        let (d, mut runs) =
            if is_start { (stored(extreme / greatest[round]), free) } else { (block.unit(&best), best.runs) };
        if is_start {
            for run in &mut runs {
                *run = scales.codes(*run * Lanes::all(d).inverse());
            }
        }
        let found = block.settled(d, &runs);
        if found.error < best.error {
            best = found;
        } else if !is_start {
            break;
        }
    }
    best
}

/// Times that the unit is fitted to the scales, and they to it.
const ROUNDS: usize = 4;

/// A block's runs side by side.
struct Block {
    x: [[Lanes; 16]; GROUPS],
    w: [[Lanes; 16]; GROUPS],
    levels: Levels,
    scales: Levels,
}

impl Block {
    /// Every run's best whole scale for this unit, of those beside `from`.
    #[inline(always)]
    fn settled(&self, d: f32, from: &[Lanes; GROUPS]) -> Settled {
        let mut all = Settled { error: 0.0, d, runs: *from };
        for (group, run) in all.runs.iter_mut().enumerate() {
            let (from, mut least) = (*run, self.error_at(group, d, *run));
            for step in [-2.0, -1.0, 1.0, 2.0] {
                let scale = (from + Lanes::all(step)).within(self.scales.low, self.scales.high);
                let error = self.error_at(group, d, scale);
                let is_better = least.above(error);
                least = is_better.pick(error, least);
                *run = is_better.pick(scale, *run);
            }
            for error in least.0 {
                all.error += error;
            }
        }
        all
    }

    #[inline(always)]
    fn error_at(&self, group: usize, d: f32, scale: Lanes) -> Lanes {
        error_at(&self.x[group], &self.w[group], Lanes::all(d) * scale, self.levels)
    }

    /// The unit that is best for the codes and scales chosen, as half precision has it.
    #[inline(always)]
    fn unit(&self, now: &Settled) -> f32 {
        let (mut with_x, mut squared) = (0.0f64, 0.0f64);
        for (group, scales) in now.runs.iter().enumerate() {
            let (x, w, inverse) = (&self.x[group], &self.w[group], (Lanes::all(now.d) * *scales).inverse());
            let [xq, qq] = sums!(16, i => {
                let q = self.levels.codes(x[i] * inverse);
                [w[i] * x[i] * q, w[i] * q * q]
            });
            for lane in 0..LANES {
                let scale = f64::from(scales.0[lane]);
                with_x += scale * f64::from(xq.0[lane]);
                squared += scale * scale * f64::from(qq.0[lane]);
            }
        }
        if squared > 0.0 { stored((with_x / squared) as f32) } else { now.d }
    }
}
