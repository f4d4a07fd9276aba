//! Types of 256 values whose runs are named in a codebook: `IQ3_S`, `IQ3_XXS`, `IQ2_S`, `IQ2_XS`, `IQ2_XXS`.
//! Layouts: `plimsoll_kernels`, `blocks/{iq2,iq3}.rs`.
//!
//! Signs are kept apart. The scale of a group is an odd number of the block's unit; which odd number, and which entry for
//! each run, is chosen for the unit that is stored, and the unit for them.

use std::sync::LazyLock;

use plimsoll_kernels::{DType, Isa, Vectorised};

use crate::grid::Grid;
use crate::lanes::{LANES, Lanes};
use crate::sums::{half, inverse, nearest, stored, within};

static IQ3_S: LazyLock<Grid<4>> = LazyLock::new(|| {
    Grid::read(DType::IQ3_S, 512, 1.0, |entry| {
        let mut block = one(110);
        (block[2], block[66]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});
static IQ3_XXS: LazyLock<Grid<4>> = LazyLock::new(|| {
    Grid::read(DType::IQ3_XXS, 256, 0.25, |entry| {
        let mut block = one(98);
        block[2] = entry as u8;
        block
    })
});
static IQ2_S: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_S, 1024, 0.125, |entry| {
        let mut block = one(82);
        (block[2], block[66]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});
static IQ2_XS: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_XS, 512, 0.125, |entry| {
        let mut block = one(74);
        block[2..4].copy_from_slice(&(entry as u16).to_le_bytes());
        block
    })
});
static IQ2_XXS: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_XXS, 256, 0.125, |entry| {
        let mut block = one(66);
        block[2] = entry as u8;
        block
    })
});

/// A block of zeros under a scale of one.
fn one(bytes: usize) -> Vec<u8> {
    let mut block = vec![0; bytes];
    block[..2].copy_from_slice(&half(1.0).to_le_bytes());
    block
}

/// A block before it is packed.
struct Fitted {
    /// What the block's scale is in units of, times the unit.
    d: f32,
    /// For each group the `k` of its `2 k + 1` units.
    scales: [u8; 16],
    /// For each run its entry.
    entries: [usize; 64],
}

/// `IQ3_S`.
pub fn iq3_s(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 110]) {
    let (magnitudes, signs) = apart(x, w, false);
    let fitted = isa.run(Fit { x: &magnitudes, w, grid: &IQ3_S, len: 32, per_unit: 1.0 });
    block.fill(0);
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    for (run, entry) in fitted.entries.iter().enumerate() {
        block[2 + run] = *entry as u8;
        block[66 + run / 8] |= ((entry >> 8) as u8) << (run % 8);
    }
    block[74..106].copy_from_slice(&signs);
    put_scales(&fitted.scales[..8], &mut block[106..]);
}

/// `IQ3_XXS`.
pub fn iq3_xxs(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 98]) {
    let (magnitudes, signs) = apart(x, w, true);
    let fitted = isa.run(Fit { x: &magnitudes, w, grid: &IQ3_XXS, len: 32, per_unit: 4.0 });
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    for (byte, entry) in block[2..66].iter_mut().zip(fitted.entries) {
        *byte = entry as u8;
    }
    for group in 0..8 {
        let word = seven_bits(&signs[4 * group..]) | u32::from(fitted.scales[group]) << 28;
        block[66 + 4 * group..][..4].copy_from_slice(&word.to_le_bytes());
    }
}

/// `IQ2_S`.
pub fn iq2_s(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 82]) {
    let (magnitudes, signs) = apart(x, w, false);
    let fitted = isa.run(Fit { x: &magnitudes, w, grid: &IQ2_S, len: 16, per_unit: 8.0 });
    block.fill(0);
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    for (run, entry) in fitted.entries[..32].iter().enumerate() {
        block[2 + run] = *entry as u8;
        block[66 + run / 4] |= ((entry >> 8) as u8) << (run % 4 * 2);
    }
    block[34..66].copy_from_slice(&signs);
    put_scales(&fitted.scales, &mut block[74..]);
}

/// `IQ2_XS`.
pub fn iq2_xs(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 74]) {
    let (magnitudes, signs) = apart(x, w, true);
    let fitted = isa.run(Fit { x: &magnitudes, w, grid: &IQ2_XS, len: 16, per_unit: 8.0 });
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    for (run, to) in block[2..66].chunks_exact_mut(2).enumerate() {
        let word = fitted.entries[run] as u16 | u16::from(signs[run] & 127) << 9;
        to.copy_from_slice(&word.to_le_bytes());
    }
    put_scales(&fitted.scales, &mut block[66..]);
}

/// `IQ2_XXS`.
pub fn iq2_xxs(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 66]) {
    let (magnitudes, signs) = apart(x, w, true);
    let fitted = isa.run(Fit { x: &magnitudes, w, grid: &IQ2_XXS, len: 32, per_unit: 8.0 });
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    for (group, to) in block[2..].chunks_exact_mut(8).enumerate() {
        for (byte, entry) in to.iter_mut().zip(&fitted.entries[4 * group..][..4]) {
            *byte = *entry as u8;
        }
        let word = seven_bits(&signs[4 * group..]) | u32::from(fitted.scales[group]) << 28;
        to[4..].copy_from_slice(&word.to_le_bytes());
    }
}

/// Two to a byte.
fn put_scales(scales: &[u8], to: &mut [u8]) {
    for (byte, pair) in to.iter_mut().zip(scales.as_chunks::<2>().0) {
        *byte = pair[0] | pair[1] << 4;
    }
}

/// Four times the signs of eight values, of which the last follows from the others.
fn seven_bits(signs: &[u8]) -> u32 {
    (0..4).fold(0, |word, i| word | u32::from(signs[i] & 127) << (7 * i))
}

/// Magnitudes, and a bit for each minus. Where eight values have an even number of minuses, the value whose sign costs
/// least is on the other side if they had an odd one: its magnitude is negative.
fn apart(x: &[f32; 256], w: &[f32; 256], even: bool) -> ([f32; 256], [u8; 32]) {
    let (mut magnitudes, mut signs) = (x.map(f32::abs), [0; 32]);
    for (run, sign) in signs.iter_mut().enumerate() {
        let at = 8 * run;
        *sign = (0..8).fold(0, |bits, i| bits | u8::from(x[at + i] < 0.0) << i);
        if even && sign.count_ones() % 2 == 1 {
            let cost = |i: &usize| w[at + i] * x[at + i] * x[at + i];
            let least = (0..8).min_by(|a, b| cost(a).total_cmp(&cost(b))).expect("eight values");
            *sign ^= 1 << least;
            magnitudes[at + least] = -magnitudes[at + least];
        }
    }
    (magnitudes, signs)
}

/// A block to be fitted, of magnitudes in groups of `len`; the stored scale is `per_unit` units.
struct Fit<'a, const RUN: usize> {
    x: &'a [f32; 256],
    w: &'a [f32; 256],
    grid: &'a Grid<RUN>,
    len: usize,
    per_unit: f32,
}

impl<const RUN: usize> Vectorised for Fit<'_, RUN> {
    type Output = Fitted;

    #[inline(always)]
    fn run(self) -> Fitted {
        let Fit { x, w, grid, len, per_unit } = self;
        let groups = 256 / len;
        let mut free = [0.0f32; 16];
        for first in (0..groups).step_by(LANES) {
            free[first..first + LANES].copy_from_slice(&free_scales(x, w, first, len, &grid.levels).0);
        }
        let mut greatest = 0.0f32;
        for scale in free {
            greatest = greatest.max(scale);
        }
        let mut best: Settled = (f32::INFINITY, 0.0, [0; 16], [0; 64]);
        for round in 0..STARTS.len() + ROUNDS {
            let is_start = round < STARTS.len();
            let free_unit = if is_start { greatest / STARTS[round] } else { better_unit(x, w, grid, &best, groups) };
            let unit = stored(free_unit * per_unit) / per_unit;
            let mut from = best.2;
            if is_start {
                for (from, scale) in from.iter_mut().zip(free) {
                    *from = nearest(within((scale * inverse(unit) - 1.0) / 2.0, 0.0, 15.0)) as u8;
                }
            }
            let found = settled(x, w, grid, unit, &from, groups, u8::from(!is_start));
            if found.0 < best.0 {
                best = found;
            } else if !is_start {
                break;
            }
        }
        let (_, unit, scales, entries) = best;
        Fitted { d: unit * per_unit, scales, entries }
    }
}

/// Odd numbers of units that the greatest scale begins as.
const STARTS: [f32; 2] = [31.0, 28.0];
/// Times that the unit is fitted to scales and entries, and they to it.
const ROUNDS: usize = 2;

/// The scales that eight groups from `first` on would have without a codebook: levels are taken value by value.
#[inline(always)]
fn free_scales(x: &[f32; 256], w: &[f32; 256], first: usize, len: usize, levels: &[f32]) -> Lanes {
    let (mut values, mut weights) = ([Lanes::ZERO; 32], [Lanes::ZERO; 32]);
    let mut most = Lanes::ZERO;
    for i in 0..len {
        for lane in 0..LANES {
            let at = (first + lane) * len + i;
            (values[i].0[lane], weights[i].0[lane]) = (x[at], w[at]);
        }
        most = values[i].abs().max(most);
    }
    let top = levels[levels.len() - 1];
    let (mut gain, mut best) = (Lanes::ZERO, Lanes::ZERO);
    for step in 0..16 {
        // From clipping the greatest value to leaving room above it.
        let mut scale = most / Lanes::all(top * (0.5 + 0.04 * step as f32));
        for _ in 0..2 {
            let inverse = scale.inverse();
            let (mut xq, mut qq) = (Lanes::ZERO, Lanes::ZERO);
            for (x, w) in values[..len].iter().zip(&weights) {
                let (v, mut q) = (*x * inverse, Lanes::all(levels[0]));
                for pair in levels.windows(2) {
                    q = v.above(Lanes::all((pair[0] + pair[1]) / 2.0)).pick(Lanes::all(pair[1]), q);
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

/// Error less that of zeros, unit, scales, entries.
type Settled = (f32, f32, [u8; 16], [usize; 64]);

/// Scales within `reach` of those given, and entries, that are best for a unit.
#[inline(always)]
fn settled<const RUN: usize>(
    x: &[f32; 256],
    w: &[f32; 256],
    grid: &Grid<RUN>,
    unit: f32,
    from: &[u8; 16],
    groups: usize,
    reach: u8,
) -> Settled {
    let (x, w): (&[[f32; RUN]], &[[f32; RUN]]) = (x.as_chunks().0, w.as_chunks().0);
    let runs = 256 / groups / RUN;
    let (mut total, mut scales, mut entries) = (0.0, *from, [0; 64]);
    for group in 0..groups {
        let mut best = f32::INFINITY;
        for scale in from[group].saturating_sub(reach)..=(from[group] + reach).min(15) {
            let (mut error, mut chosen) = (0.0, [0; 8]);
            for (run, chosen) in chosen[..runs].iter_mut().enumerate() {
                let at = group * runs + run;
                let (entry, cost) = grid.nearest(&x[at], &w[at], unit * f32::from(2 * scale + 1));
                (*chosen, error) = (entry, error + cost);
            }
            if error < best {
                (best, scales[group]) = (error, scale);
                entries[group * runs..][..runs].copy_from_slice(&chosen[..runs]);
            }
        }
        total += best;
    }
    (total, unit, scales, entries)
}

/// The unit that is best for the scales and entries chosen.
#[inline(always)]
fn better_unit<const RUN: usize>(
    x: &[f32; 256],
    w: &[f32; 256],
    grid: &Grid<RUN>,
    now: &Settled,
    groups: usize,
) -> f32 {
    let (mut xq, mut qq) = (0.0f64, 0.0f64);
    for i in 0..256 {
        let scale = f64::from(2 * now.2[i / (256 / groups)] + 1);
        let q = scale * f64::from(grid.at(now.3[i / RUN], i % RUN));
        xq += f64::from(w[i]) * f64::from(x[i]) * q;
        qq += f64::from(w[i]) * q * q;
    }
    if qq > 0.0 && xq > 0.0 { (xq / qq) as f32 } else { now.1 }
}
