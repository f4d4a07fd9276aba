//! Types of 256 values whose runs have a scale and a minimum in units of the block's own two: `Q2_K`, `Q4_K`, `Q5_K`.
//! Layouts: `plimsoll_kernels`, `blocks/{q2_k,q4_k,q5_k,k_scales}.rs`.
//!
//! Each run is fitted alone, which gives the block's units; then the whole numbers of every run are chosen for the units
//! that are stored, and the units for the whole numbers, until neither changes.

use plimsoll_kernels::{Isa, Vectorised};

use crate::affine::{Affine, Affines, best_affine, codes, error_at};
use crate::lanes::{LANES, Lanes, Mask, abreast, sums};
use crate::sums::{half, stored};

/// Bits of codes and of scales and minima.
#[derive(Clone, Copy)]
struct Shape {
    /// The greatest code.
    high: f32,
    /// The greatest scale and minimum.
    most: f32,
}

/// A block's values or weights: run `8 g + lane` in a lane of group `g`.
type Runs<const GROUPS: usize, const LEN: usize> = [[Lanes; LEN]; GROUPS];

/// The whole scale and minimum of eight runs.
#[derive(Clone, Copy)]
struct Whole {
    scale: Lanes,
    minimum: Lanes,
}

/// The units of a block, the whole numbers of its runs, and their error.
#[derive(Clone, Copy)]
struct Settled<const GROUPS: usize> {
    error: f32,
    d: f32,
    dmin: f32,
    runs: [Whole; GROUPS],
}

impl<const GROUPS: usize> Settled<GROUPS> {
    const NONE: Settled<GROUPS> =
        Settled { error: f32::INFINITY, d: 0.0, dmin: 0.0, runs: [Whole::NONE; GROUPS] };
}

impl Whole {
    const NONE: Whole = Whole { scale: Lanes::ZERO, minimum: Lanes::ZERO };
}

/// `Q4_K`.
pub fn q4_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 144]) {
    let (fitted, codes) = isa.run(Fit::<1, 32> { x, w, shape: Shape { high: 15.0, most: 63.0 } });
    put_head(&fitted, block);
    put_nibbles(&codes, &mut block[16..]);
}

/// `Q5_K`.
pub fn q5_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 176]) {
    let (fitted, codes) = isa.run(Fit::<1, 32> { x, w, shape: Shape { high: 31.0, most: 63.0 } });
    put_head(&fitted, block);
    for (i, byte) in block[16..48].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |bits, run| bits | codes[32 * run + i] >> 4 << run);
    }
    put_nibbles(&codes, &mut block[48..]);
}

/// `Q2_K`.
pub fn q2_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 84]) {
    let (fitted, codes) = isa.run(Fit::<2, 16> { x, w, shape: Shape { high: 3.0, most: 15.0 } });
    for (run, byte) in block[..16].iter_mut().enumerate() {
        let Whole { scale, minimum } = fitted.runs[run / LANES];
        *byte = scale.0[run % LANES] as u8 | (minimum.0[run % LANES] as u8) << 4;
    }
    put_two_bits(&codes, &mut block[16..80]);
    block[80..82].copy_from_slice(&half(fitted.d).to_le_bytes());
    block[82..].copy_from_slice(&half(fitted.dmin).to_le_bytes());
}

/// 256 codes of 2 bits: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i`.
pub fn put_two_bits(codes: &[u8; 256], to: &mut [u8]) {
    for (half, bytes) in to.chunks_exact_mut(32).enumerate() {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |bits, plane| bits | (codes[128 * half + 32 * plane + i] & 3) << (2 * plane));
        }
    }
}

/// Byte `32 g + i` holds value `64 g + i` low and `64 g + 32 + i` high.
fn put_nibbles(codes: &[u8; 256], to: &mut [u8]) {
    for (pair, bytes) in codes.as_chunks::<64>().0.iter().zip(to.chunks_exact_mut(32)) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = pair[i] & 15 | pair[i + 32] << 4;
        }
    }
}

/// `d`, `dmin` and eight pairs of 6 bits in twelve bytes.
fn put_head(fitted: &Settled<1>, block: &mut [u8]) {
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    block[2..4].copy_from_slice(&half(fitted.dmin).to_le_bytes());
    let (scale, min) = (fitted.runs[0].scale.0, fitted.runs[0].minimum.0);
    for i in 0..4 {
        let (scale, upper_scale) = (scale[i] as u8, scale[i + 4] as u8);
        let (min, upper_min) = (min[i] as u8, min[i + 4] as u8);
        block[4 + i] = scale | upper_scale >> 4 << 6;
        block[8 + i] = min | upper_min >> 4 << 6;
        block[12 + i] = upper_scale & 15 | upper_min << 4;
    }
}

/// A block to be fitted.
struct Fit<'a, const GROUPS: usize, const LEN: usize> {
    x: &'a [f32; 256],
    w: &'a [f32; 256],
    shape: Shape,
}

impl<const GROUPS: usize, const LEN: usize> Vectorised for Fit<'_, GROUPS, LEN> {
    type Output = (Settled<GROUPS>, [u8; 256]);

    #[inline(always)]
    fn run(self) -> Self::Output {
        let fitted = fit::<GROUPS, LEN>(self.x, self.w, self.shape);
        (fitted, coded::<GROUPS, LEN>(self.x, &fitted, self.shape))
    }
}

#[inline(always)]
fn coded<const GROUPS: usize, const LEN: usize>(x: &[f32; 256], fitted: &Settled<GROUPS>, shape: Shape) -> [u8; 256] {
    let mut all = [0; 256];
    let runs = all.as_chunks_mut::<LEN>().0.iter_mut().zip(x.as_chunks::<LEN>().0);
    for (run, (to, x)) in runs.enumerate() {
        let Affine { scale, offset } = at(fitted.d, fitted.dmin, fitted.runs[run / LANES]).of(run % LANES);
        *to = codes(x, Affine { scale, offset }, shape.high);
    }
    all
}

/// Runs of a block side by side.
#[inline(always)]
pub fn in_runs<const GROUPS: usize, const LEN: usize>(values: &[f32; 256]) -> Runs<GROUPS, LEN> {
    let (runs, mut all) = (values.as_chunks::<LEN>().0, [[Lanes::ZERO; LEN]; GROUPS]);
    for (group, runs) in all.iter_mut().zip(runs.as_chunks::<LANES>().0) {
        *group = abreast([&runs[0], &runs[1], &runs[2], &runs[3], &runs[4], &runs[5], &runs[6], &runs[7]]);
    }
    all
}

/// What runs' whole numbers stand for.
#[inline(always)]
fn at(d: f32, dmin: f32, run: Whole) -> Affines {
    Affines { scale: Lanes::all(d) * run.scale, offset: Lanes::ZERO - Lanes::all(dmin) * run.minimum }
}

#[inline(always)]
fn fit<const GROUPS: usize, const LEN: usize>(x: &[f32; 256], w: &[f32; 256], shape: Shape) -> Settled<GROUPS> {
    let (x, w): (Runs<GROUPS, LEN>, Runs<GROUPS, LEN>) = (in_runs(x), in_runs(w));
    let (mut free, mut weight) = ([Affines::NONE; GROUPS], [Lanes::ZERO; GROUPS]);
    let (mut widest, mut lowest) = (0.0f32, 0.0f32);
    for group in 0..GROUPS {
        free[group] = best_affine(&x[group], &w[group], shape.high, true);
        [weight[group]] = sums!(LEN, i => [w[group][i]]);
        for lane in 0..LANES {
            widest = widest.max(free[group].scale.0[lane]);
            lowest = lowest.max(-free[group].offset.0[lane]);
        }
    }
    let block = Block { x, w, weight, shape };
    // Where few whole numbers stand for the scales, the greatest need not be the greatest of them.
    let below: &[f32] = if shape.most < 32.0 { &[0.0, 1.0, 2.0, 3.5, 5.0] } else { &[0.0, 3.0] };
    let mut best = Settled::NONE;
    for round in 0..below.len() + REACH.len() {
        let later = round.checked_sub(below.len());
        let (d, dmin, runs, reach) = if let Some(later) = later {
            let (d, dmin) = block.units(&best);
            (d, dmin, best.runs, REACH[later])
        } else {
            let (d, dmin) = (widest / (shape.most - below[round]), lowest / (shape.most - below[round]));
            let (d, dmin) = (stored(d), stored(dmin));
            (d, dmin, start(&free, d, dmin, shape), 1.0)
        };
        let found = block.settled(d, dmin, &runs, reach);
        if found.error < best.error {
            best = found;
        } else if later.is_some() {
            break;
        }
    }
    best
}

/// How far from the scales at hand others are tried, each time that the units were fitted to them.
const REACH: [f32; 4] = [2.0, 1.0, 1.0, 1.0];

/// The whole numbers that come closest to scales and offsets.
#[inline(always)]
fn start<const GROUPS: usize>(free: &[Affines; GROUPS], d: f32, dmin: f32, shape: Shape) -> [Whole; GROUPS] {
    let (d, dmin) = (Lanes::all(d).inverse(), Lanes::all(dmin).inverse());
    let mut runs = [Whole::NONE; GROUPS];
    for (run, free) in runs.iter_mut().zip(free) {
        run.scale = (free.scale * d).within(0.0, shape.most).nearest();
        run.minimum = ((Lanes::ZERO - free.offset) * dmin).within(0.0, shape.most).nearest();
    }
    runs
}

/// A block, and the sum of the weights of each run.
struct Block<const GROUPS: usize, const LEN: usize> {
    x: Runs<GROUPS, LEN>,
    w: Runs<GROUPS, LEN>,
    weight: [Lanes; GROUPS],
    shape: Shape,
}

impl<const GROUPS: usize, const LEN: usize> Block<GROUPS, LEN> {
    /// Every run's whole numbers chosen for these units, within `reach` of the scales at hand.
    #[inline(always)]
    fn settled(&self, d: f32, dmin: f32, from: &[Whole; GROUPS], reach: f32) -> Settled<GROUPS> {
        let mut all = Settled { error: 0.0, d, dmin, runs: *from };
        for group in 0..GROUPS {
            let mut choice = self.choice(group, d, dmin);
            choice.around(from[group], reach);
            all.runs[group] = choice.best;
            for error in choice.error.0 {
                all.error += error;
            }
        }
        all
    }

    #[inline(always)]
    fn choice(&self, group: usize, d: f32, dmin: f32) -> Choice<'_, LEN> {
        Choice {
            x: &self.x[group],
            w: &self.w[group],
            per_minimum: (self.weight[group].inverse(), Lanes::all(dmin).inverse()),
            shape: self.shape,
            units: (d, dmin),
            error: Lanes::all(f32::INFINITY),
            best: Whole::NONE,
        }
    }

    /// The units that are best for the whole numbers chosen, as half precision has them.
    #[inline(always)]
    fn units(&self, now: &Settled<GROUPS>) -> (f32, f32) {
        // x ≈ d · (scale · q) − dmin · minimum: two unknowns.
        let [mut aa, mut ab, mut bb, mut ax, mut bx] = [0.0f64; 5];
        for group in 0..GROUPS {
            let (x, w, run) = (&self.x[group], &self.w[group], now.runs[group]);
            let Affines { scale: step, offset } = at(now.d, now.dmin, run);
            let inverse = step.inverse();
            let [wq, wqq, wqx, sw, sx] = sums!(LEN, i => {
                let q = ((x[i] - offset) * inverse).within(0.0, self.shape.high).nearest();
                let wq = w[i] * q;
                [wq, wq * q, wq * x[i], w[i], w[i] * x[i]]
            });
            for lane in 0..LANES {
                let (scale, minimum) = (f64::from(run.scale.0[lane]), f64::from(run.minimum.0[lane]));
                aa += scale * scale * f64::from(wqq.0[lane]);
                ab += scale * minimum * f64::from(wq.0[lane]);
                bb += minimum * minimum * f64::from(sw.0[lane]);
                ax += scale * f64::from(wqx.0[lane]);
                bx += minimum * f64::from(sx.0[lane]);
            }
        }
        let det = aa * bb - ab * ab;
        let (d, dmin) = match () {
            () if det > 1e-9 * aa * bb => ((ax * bb - ab * bx) / det, (ab * ax - aa * bx) / det),
            () if aa > 0.0 && bb == 0.0 => (ax / aa, f64::from(now.dmin)),
            () => return (now.d, now.dmin),
        };
        if d > 0.0 && dmin >= 0.0 { (stored(d as f32), stored(dmin as f32)) } else { (now.d, now.dmin) }
    }
}

/// Whole numbers that are sought for eight runs: the best so far, and their error.
struct Choice<'a, const LEN: usize> {
    x: &'a [Lanes; LEN],
    w: &'a [Lanes; LEN],
    /// One over the sum of a run's weights, and over the unit of minima.
    per_minimum: (Lanes, Lanes),
    shape: Shape,
    units: (f32, f32),
    error: Lanes,
    best: Whole,
}

impl<const LEN: usize> Choice<'_, LEN> {
    /// The best scale within reach, with the minimum that is best beside it.
    #[inline(always)]
    fn around(&mut self, from: Whole, reach: f32) {
        (self.error, self.best) = (Lanes::all(f32::INFINITY), from);
        for step in [0.0f32, -1.0, 1.0, -2.0, 2.0] {
            if step.abs() > reach {
                break;
            }
            let mut run = Whole { scale: from.scale + Lanes::all(step), ..from };
            let inside = run.scale.above(Lanes::all(-0.5)).and(Lanes::all(self.shape.most + 0.5).above(run.scale));
            // The minimum that is best for the codes gives others, and they another minimum.
            for round in 0..3 {
                let (error, next) = self.measured(run);
                if round > 0 || step == 0.0 {
                    self.keep(inside, error, run);
                }
                if !next.differs(run.minimum).and(inside).any() && (round > 0 || step == 0.0) {
                    break;
                }
                run.minimum = next;
            }
        }
        for step in [-1.0, 1.0] {
            let minimum = (self.best.minimum + Lanes::all(step)).within(0.0, self.shape.most);
            let run = Whole { minimum, ..self.best };
            let error = error_at(self.x, self.w, self.at(run), self.shape.high);
            self.keep(Mask::YES, error, run);
        }
    }

    #[inline(always)]
    fn at(&self, run: Whole) -> Affines {
        at(self.units.0, self.units.1, run)
    }

    #[inline(always)]
    fn keep(&mut self, inside: Mask, error: Lanes, run: Whole) {
        let is_better = self.error.above(error).and(inside);
        self.error = is_better.pick(error, self.error);
        self.best.scale = is_better.pick(run.scale, self.best.scale);
        self.best.minimum = is_better.pick(run.minimum, self.best.minimum);
    }

    /// The error of whole numbers, and the whole minimum that is best for the codes that they give.
    #[inline(always)]
    fn measured(&self, run: Whole) -> (Lanes, Lanes) {
        let Affines { scale, offset } = self.at(run);
        let inverse = scale.inverse();
        let [error, off] = sums!(LEN, i => {
            let x = self.x[i];
            let level = scale * ((x - offset) * inverse).within(0.0, self.shape.high).nearest();
            let off = x - (level + offset);
            [self.w[i] * off * off, self.w[i] * (level - x)]
        });
        let minimum = off * self.per_minimum.0 * self.per_minimum.1;
        (error, minimum.within(0.0, self.shape.most).nearest())
    }
}
