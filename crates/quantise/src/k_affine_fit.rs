//! Blocks fitted whose runs have a scale and a minimum in units of the block's own two.
//!
//! Each run is fitted alone, which gives the block's units; then the whole numbers of every run are chosen for the units
//! that are stored, and the units for the whole numbers, until neither changes.

use plimsoll_kernels::Vectorised;

use crate::affine::{Affine, Affines, best_affine, codes, error_at};
use crate::lanes::{LANES, Lanes, Mask, abreast, sums};
use crate::sums::stored;

/// Bits of codes and of scales and minima.
#[derive(Clone, Copy)]
pub struct Shape {
    /// The greatest code.
    pub high: f32,
    /// The greatest scale and minimum.
    pub most: f32,
}

/// A block's values or weights: run `8 g + lane` in a lane of group `g`.
type Runs<const GROUPS: usize, const LEN: usize> = [[Lanes; LEN]; GROUPS];

/// The whole scale and minimum of eight runs.
#[derive(Clone, Copy)]
pub struct Whole {
    pub scale: Lanes,
    pub minimum: Lanes,
}

/// The units of a block, the whole numbers of its runs, and their error.
#[derive(Clone, Copy)]
pub struct Settled<const GROUPS: usize> {
    error: f32,
    pub d: f32,
    pub dmin: f32,
    pub runs: [Whole; GROUPS],
}

impl<const GROUPS: usize> Settled<GROUPS> {
    const NONE: Settled<GROUPS> = Settled { error: f32::INFINITY, d: 0.0, dmin: 0.0, runs: [Whole::NONE; GROUPS] };
}

impl Whole {
    const NONE: Whole = Whole { scale: Lanes::ZERO, minimum: Lanes::ZERO };
}

/// A block to be fitted.
pub struct Fit<'a, const GROUPS: usize, const LEN: usize> {
    pub x: &'a [f32; 256],
    pub w: &'a [f32; 256],
    pub shape: Shape,
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
        for (group, from) in from.iter().enumerate() {
            let mut choice = self.choice(group, d, dmin);
            choice.around(*from, reach);
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
