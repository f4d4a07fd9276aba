//! Types of 256 values whose runs are named in a codebook: `IQ3_S`, `IQ3_XXS`, `IQ2_S`, `IQ2_XS`, `IQ2_XXS`.
//! Layouts: `plimsoll_kernels`, `blocks/{iq2,iq3}.rs`.
//!
//! Signs are kept apart. The scale of a group is an odd number of the block's unit; which odd number, and which entry for
//! each run, is chosen for the unit that is stored, and the unit for them.

use std::sync::LazyLock;

use plimsoll_kernels::DType;

use crate::blocks::One;
use crate::grid::Grid;
use crate::sums::{half, inverse, nearest, stored, within};

static IQ3_S_GRID: LazyLock<Grid<4>> = LazyLock::new(|| {
    Grid::read(DType::IQ3_S, 512, 1.0, |entry| {
        let mut block = one(110);
        (block[2], block[66]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});
static IQ3_XXS_GRID: LazyLock<Grid<4>> = LazyLock::new(|| {
    Grid::read(DType::IQ3_XXS, 256, 0.25, |entry| {
        let mut block = one(98);
        block[2] = entry as u8;
        block
    })
});
static IQ2_S_GRID: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_S, 1024, 0.125, |entry| {
        let mut block = one(82);
        (block[2], block[66]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});
static IQ2_XS_GRID: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_XS, 512, 0.125, |entry| {
        let mut block = one(74);
        block[2..4].copy_from_slice(&(entry as u16).to_le_bytes());
        block
    })
});
static IQ2_XXS_GRID: LazyLock<Grid<8>> = LazyLock::new(|| {
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
pub struct Iq3S;

impl One<256, 110> for Iq3S {
    #[inline(always)]
    fn encode(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 110]) {
        let (magnitudes, signs) = apart(x, w, false);
        let fitted = fit(&magnitudes, w, &IQ3_S_GRID, 32, 1.0);
        block.fill(0);
        block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
        for (run, entry) in fitted.entries.iter().enumerate() {
            block[2 + run] = *entry as u8;
            block[66 + run / 8] |= ((entry >> 8) as u8) << (run % 8);
        }
        block[74..106].copy_from_slice(&signs);
        put_scales(&fitted.scales[..8], &mut block[106..]);
    }
}

/// `IQ3_XXS`.
pub struct Iq3Xxs;

impl One<256, 98> for Iq3Xxs {
    #[inline(always)]
    fn encode(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 98]) {
        let (magnitudes, signs) = apart(x, w, true);
        let fitted = fit(&magnitudes, w, &IQ3_XXS_GRID, 32, 4.0);
        block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
        for (byte, entry) in block[2..66].iter_mut().zip(fitted.entries) {
            *byte = entry as u8;
        }
        for group in 0..8 {
            let word = seven_bits(&signs[4 * group..]) | u32::from(fitted.scales[group]) << 28;
            block[66 + 4 * group..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// `IQ2_S`.
pub struct Iq2S;

impl One<256, 82> for Iq2S {
    #[inline(always)]
    fn encode(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 82]) {
        let (magnitudes, signs) = apart(x, w, false);
        let fitted = fit(&magnitudes, w, &IQ2_S_GRID, 16, 8.0);
        block.fill(0);
        block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
        for (run, entry) in fitted.entries[..32].iter().enumerate() {
            block[2 + run] = *entry as u8;
            block[66 + run / 4] |= ((entry >> 8) as u8) << (run % 4 * 2);
        }
        block[34..66].copy_from_slice(&signs);
        put_scales(&fitted.scales, &mut block[74..]);
    }
}

/// `IQ2_XS`.
pub struct Iq2Xs;

impl One<256, 74> for Iq2Xs {
    #[inline(always)]
    fn encode(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 74]) {
        let (magnitudes, signs) = apart(x, w, true);
        let fitted = fit(&magnitudes, w, &IQ2_XS_GRID, 16, 8.0);
        block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
        for (run, to) in block[2..66].chunks_exact_mut(2).enumerate() {
            let word = fitted.entries[run] as u16 | u16::from(signs[run] & 127) << 9;
            to.copy_from_slice(&word.to_le_bytes());
        }
        put_scales(&fitted.scales, &mut block[66..]);
    }
}

/// `IQ2_XXS`.
pub struct Iq2Xxs;

impl One<256, 66> for Iq2Xxs {
    #[inline(always)]
    fn encode(x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 66]) {
        let (magnitudes, signs) = apart(x, w, true);
        let fitted = fit(&magnitudes, w, &IQ2_XXS_GRID, 32, 8.0);
        block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
        for (group, to) in block[2..].chunks_exact_mut(8).enumerate() {
            for (byte, entry) in to.iter_mut().zip(&fitted.entries[4 * group..][..4]) {
                *byte = *entry as u8;
            }
            let word = seven_bits(&signs[4 * group..]) | u32::from(fitted.scales[group]) << 28;
            to[4..].copy_from_slice(&word.to_le_bytes());
        }
    }
}

/// Two to a byte.
#[inline(always)]
fn put_scales(scales: &[u8], to: &mut [u8]) {
    for (byte, pair) in to.iter_mut().zip(scales.as_chunks::<2>().0) {
        *byte = pair[0] | pair[1] << 4;
    }
}

/// Four times the signs of eight values, of which the last follows from the others.
#[inline(always)]
fn seven_bits(signs: &[u8]) -> u32 {
    (0..4).fold(0, |word, i| word | u32::from(signs[i] & 127) << (7 * i))
}

/// Magnitudes, and a bit for each minus. Where eight values have an even number of minuses, the value whose sign costs
/// least is on the other side if they had an odd one: its magnitude is negative.
#[inline(always)]
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

/// A scale that all values of the codebook would have without it: levels are taken one by one.
#[inline(always)]
fn free_scale(x: &[f32], w: &[f32], levels: &[f32]) -> f32 {
    let (most, top) = (x.iter().fold(0.0f32, |most, v| most.max(v.abs())), levels[levels.len() - 1]);
    let mut best = (0.0, 0.0);
    for step in 0..16 {
        // From clipping the greatest value to leaving room above it.
        let mut scale = most / (top * (0.5 + 0.04 * step as f32));
        for _ in 0..2 {
            let inverse = inverse(scale);
            let (mut xq, mut qq) = (0.0, 0.0);
            for (x, w) in x.iter().zip(w) {
                let (v, mut q) = (x * inverse, levels[0]);
                for pair in levels.windows(2) {
                    q = if v > (pair[0] + pair[1]) / 2.0 { pair[1] } else { q };
                }
                (xq, qq) = (xq + w * x * q, qq + w * q * q);
            }
            if qq <= 0.0 || xq <= 0.0 {
                break;
            }
            scale = xq / qq;
            if xq * scale > best.0 {
                best = (xq * scale, scale);
            }
        }
    }
    best.1
}

/// Units, scales and entries of a block whose groups have `len` values; the stored scale is `per_unit` units.
#[inline(always)]
fn fit<const RUN: usize>(x: &[f32; 256], w: &[f32; 256], grid: &Grid<RUN>, len: usize, per_unit: f32) -> Fitted {
    let levels = grid.levels();
    let groups = 256 / len;
    let mut free = [0.0f32; 16];
    for (group, free) in free[..groups].iter_mut().enumerate() {
        *free = free_scale(&x[group * len..][..len], &w[group * len..][..len], &levels);
    }
    let greatest = free.iter().fold(0.0f32, |most, scale| most.max(*scale));
    let in_units = |d: f32| stored(d) / per_unit;
    let starts = [31.0, 28.0].map(|odd| {
        let unit = in_units(greatest / odd * per_unit);
        let scales = free.map(|scale| nearest(within((scale * inverse(unit) - 1.0) / 2.0, 0.0, 15.0)) as u8);
        settled(x, w, grid, unit, &scales, groups, 0)
    });
    let [one, other] = starts;
    let mut best = if other.0 < one.0 { other } else { one };
    for _ in 0..2 {
        let unit = in_units(better_unit(x, w, grid, &best, groups) * per_unit);
        let found = settled(x, w, grid, unit, &best.2, groups, 1);
        if found.0 >= best.0 {
            break;
        }
        best = found;
    }
    let (_, unit, scales, entries) = best;
    Fitted { d: unit * per_unit, scales, entries }
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
