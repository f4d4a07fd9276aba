//! Blocks of 256 values whose runs are named in a codebook, fitted.
//!
//! The scale of a group is an odd number of the block's unit; which odd number, and which entry for each run, is chosen for
//! the unit that is stored, and the unit for them.

use plimsoll_kernels::Vectorised;

use crate::grid::{Grid, Tried};
use crate::lanes::{LANES, Lanes};
use crate::sums::{inverse, nearest, stored, within};

/// How a type cuts its blocks.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Values of a group, 16 or 32.
    pub len: usize,
    /// What the stored scale is in units.
    pub per_unit: f32,
    /// Odd numbers of units that a group can have, from one on.
    pub scales: u8,
    /// Values that are shifted together, at most a group.
    pub shifted_together: usize,
}

/// A block to be fitted; its levels may stand at any of `shifts` from the codebook's.
pub struct Fit<'a, const RUN: usize, const SHIFTS: usize> {
    pub x: &'a [f32; 256],
    pub w: &'a [f32; 256],
    pub grid: &'a Grid<RUN>,
    pub layout: Layout,
    pub shifts: [f32; SHIFTS],
}

/// A block before it is packed.
#[derive(Clone, Copy)]
pub struct Fitted {
    /// The squared error less that of zeros.
    error: f32,
    unit: f32,
    /// The scale that is stored.
    pub d: f32,
    /// For each group the `k` of its `2 k + 1` units.
    pub scales: [u8; 16],
    /// For each run its entry.
    pub entries: [usize; 64],
    /// For each run which of the shifts it has.
    pub shifts: [u8; 64],
}

/// Times that the unit is fitted to scales and entries, and they to it.
const ROUNDS: usize = 2;

impl<const RUN: usize, const SHIFTS: usize> Vectorised for Fit<'_, RUN, SHIFTS> {
    type Output = Fitted;

    #[inline(always)]
    fn run(self) -> Fitted {
        let mut free = [0.0f32; 16];
        for first in (0..self.groups()).step_by(LANES) {
            free[first..first + LANES].copy_from_slice(&self.free_scales(first).0);
        }
        let mut greatest = 0.0f32;
        for scale in free {
            greatest = greatest.max(scale);
        }
        // The greatest scale need not have the greatest number of units.
        let most = f32::from(2 * self.layout.scales - 1);
        let mut best = Fitted::NONE;
        for most in [most, most * (28.0 / 31.0)] {
            let unit = self.in_units(greatest / most);
            let found = self.settled::<1>(unit, &self.start(&free, unit));
            best = if found.error < best.error { found } else { best };
        }
        for _ in 0..ROUNDS {
            let found = self.settled::<3>(self.in_units(self.better_unit(&best)), &best.scales);
            if found.error >= best.error {
                break;
            }
            best = found;
        }
        // Where a codebook has no zeros, a block that is next to nothing else is better off without any.
        if best.error < 0.0 { Fitted { d: best.unit * self.layout.per_unit, ..best } } else { Fitted::NONE }
    }
}

impl Fitted {
    const NONE: Fitted =
        Fitted { error: f32::INFINITY, unit: 0.0, d: 0.0, scales: [0; 16], entries: [0; 64], shifts: [0; 64] };
}

impl<const RUN: usize, const SHIFTS: usize> Fit<'_, RUN, SHIFTS> {
    #[inline(always)]
    fn groups(&self) -> usize {
        256 / self.layout.len
    }

    /// A unit as it is read of what is stored.
    #[inline(always)]
    fn in_units(&self, unit: f32) -> f32 {
        stored(unit * self.layout.per_unit) / self.layout.per_unit
    }

    #[inline(always)]
    fn start(&self, free: &[f32; 16], unit: f32) -> [u8; 16] {
        let (inverse, mut scales) = (inverse(unit), [0; 16]);
        for (to, scale) in scales.iter_mut().zip(free) {
            let most = f32::from(self.layout.scales - 1);
            *to = nearest(within((scale * inverse - 1.0) / 2.0, 0.0, most)) as u8;
        }
        scales
    }

    /// The scales that eight groups from `first` on would have without a codebook: levels are taken value by value.
    #[inline(always)]
    fn free_scales(&self, first: usize) -> Lanes {
        let (len, levels) = (self.layout.len, &self.grid.levels[..]);
        let (mut x, mut w, mut most) = ([Lanes::ZERO; 32], [Lanes::ZERO; 32], Lanes::ZERO);
        for i in 0..len {
            for lane in 0..LANES {
                let at = (first + lane) * len + i;
                (x[i].0[lane], w[i].0[lane]) = (self.x[at], self.w[at]);
            }
            most = x[i].abs().max(most);
        }
        let (mut gain, mut best) = (Lanes::ZERO, Lanes::ZERO);
        for step in 0..16 * SHIFTS {
            let shift = self.shifts[step / 16];
            // From clipping the greatest value to leaving room above it.
            let share = 0.5 + 0.04 * (step % 16) as f32;
            let mut scale = most / Lanes::all(levels[levels.len() - 1] * share);
            for _ in 0..2 {
                let inverse = scale.inverse();
                let (mut xq, mut qq) = (Lanes::ZERO, Lanes::ZERO);
                for (x, w) in x[..len].iter().zip(&w) {
                    let (v, mut q) = (*x * inverse, Lanes::all(levels[0] + shift));
                    for pair in levels.windows(2) {
                        let middle = (pair[0] + pair[1]) / 2.0 + shift;
                        q = v.above(Lanes::all(middle)).pick(Lanes::all(pair[1] + shift), q);
                    }
                    (xq, qq) = (xq + *w * *x * q, qq + *w * q * q);
                }
                let is_some = xq.above(Lanes::ZERO).and(qq.above(Lanes::ZERO));
                scale = is_some.pick(xq / qq, scale);
                let is_better = (xq * scale).above(gain).and(is_some);
                gain = is_better.pick(xq * scale, gain);
                best = is_better.pick(scale, best);
            }
        }
        best
    }

    /// Entries, shifts and scales that are best for a unit; `SCALES` are tried, those beside `from`.
    #[inline(always)]
    fn settled<const SCALES: usize>(&self, unit: f32, from: &[u8; 16]) -> Fitted {
        let mut all = Fitted { error: 0.0, unit, scales: *from, ..Fitted::NONE };
        let (runs, together) = (self.layout.len / RUN, self.layout.shifted_together / RUN);
        for (group, from) in from.iter().enumerate().take(self.groups()) {
            let mut tried = [*from; SCALES];
            for (i, tried) in tried.iter_mut().enumerate() {
                *tried = (*tried + i as u8).saturating_sub(SCALES as u8 / 2).min(self.layout.scales - 1);
            }
            let mut found = [[[(0, 0.0); SHIFTS]; SCALES]; 8];
            for (run, found) in found[..runs].iter_mut().enumerate() {
                *found = self.nearest(group * runs + run, unit, tried);
            }
            let mut least = f32::INFINITY;
            for (i, scale) in tried.into_iter().enumerate() {
                let (mut error, mut shifts) = (0.0, [0; 8]);
                for first in (0..runs).step_by(together) {
                    let (mut best, mut shift) = (f32::INFINITY, 0);
                    for s in 0..SHIFTS {
                        let mut sum = 0.0;
                        for found in &found[first..first + together] {
                            sum += found[i][s].1;
                        }
                        (best, shift) = if sum < best { (sum, s) } else { (best, shift) };
                    }
                    error += best;
                    shifts[first..first + together].fill(shift);
                }
                if error < least {
                    (least, all.scales[group]) = (error, scale);
                    for (run, shift) in shifts[..runs].iter().enumerate() {
                        all.entries[group * runs + run] = found[run][i][*shift].0;
                        all.shifts[group * runs + run] = *shift as u8;
                    }
                }
            }
            all.error += least;
        }
        all
    }

    /// For each scale and shift the nearest entry of a run, and its cost.
    #[inline(always)]
    fn nearest<const SCALES: usize>(
        &self,
        run: usize,
        unit: f32,
        scales: [u8; SCALES],
    ) -> [[(usize, f32); SHIFTS]; SCALES] {
        let (x, w) = (&self.x.as_chunks().0[run], &self.w.as_chunks().0[run]);
        let (mut tried, mut found) =
            ([[Tried { scale: 0.0, shift: 0.0 }; SHIFTS]; SCALES], [[(0, 0.0); SHIFTS]; SCALES]);
        for (tried, scale) in tried.iter_mut().zip(scales) {
            for (tried, shift) in tried.iter_mut().zip(self.shifts) {
                *tried = Tried { scale: unit * f32::from(2 * scale + 1), shift };
            }
        }
        self.grid.nearest(x, w, tried.as_flattened(), found.as_flattened_mut());
        found
    }

    /// The unit that is best for the scales, entries and shifts chosen.
    #[inline(always)]
    fn better_unit(&self, now: &Fitted) -> f32 {
        let (mut xq, mut qq) = (0.0f64, 0.0f64);
        for i in 0..256 {
            let scale = f64::from(2 * now.scales[i / self.layout.len] + 1);
            let run = i / RUN;
            let level = self.grid.at(now.entries[run], i % RUN) + self.shifts[usize::from(now.shifts[run])];
            let q = scale * f64::from(level);
            xq += f64::from(self.w[i]) * f64::from(self.x[i]) * q;
            qq += f64::from(self.w[i]) * q * q;
        }
        if qq > 0.0 && xq > 0.0 { (xq / qq) as f32 } else { now.unit }
    }
}
