//! Types of 256 values whose runs are named in a codebook: `IQ3_S`, `IQ3_XXS`, `IQ2_S`, `IQ2_XS`, `IQ2_XXS`.
//! Layouts: `plimsoll_kernels`, `blocks/{iq2,iq3}.rs`.
//!
//! Signs are kept apart: codebooks have magnitudes alone.

use std::sync::LazyLock;

use plimsoll_kernels::{DType, Isa};

use crate::codebook::{Fit, Fitted, Layout};
use crate::grid::Grid;
use crate::sums::half;

static IQ3_S: LazyLock<Grid<4>> = LazyLock::new(|| {
    Grid::read(DType::IQ3_S, 512, 1.0, 0.0, |entry| {
        let mut block = one(110);
        (block[2], block[66]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});
static IQ3_XXS: LazyLock<Grid<4>> = LazyLock::new(|| {
    Grid::read(DType::IQ3_XXS, 256, 0.25, 0.0, |entry| {
        let mut block = one(98);
        block[2] = entry as u8;
        block
    })
});
static IQ2_S: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_S, 1024, 0.125, 0.0, |entry| {
        let mut block = one(82);
        (block[2], block[66]) = (entry as u8, (entry >> 8) as u8);
        block
    })
});
static IQ2_XS: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_XS, 512, 0.125, 0.0, |entry| {
        let mut block = one(74);
        block[2..4].copy_from_slice(&(entry as u16).to_le_bytes());
        block
    })
});
static IQ2_XXS: LazyLock<Grid<8>> = LazyLock::new(|| {
    Grid::read(DType::IQ2_XXS, 256, 0.125, 0.0, |entry| {
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

/// `IQ3_S`.
pub fn iq3_s(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 110]) {
    let (magnitudes, signs) = apart(x, w, false);
    let fitted = fit(isa, &magnitudes, w, &IQ3_S, 32, 1.0);
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
    let fitted = fit(isa, &magnitudes, w, &IQ3_XXS, 32, 4.0);
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
    let fitted = fit(isa, &magnitudes, w, &IQ2_S, 16, 8.0);
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
    let fitted = fit(isa, &magnitudes, w, &IQ2_XS, 16, 8.0);
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
    let fitted = fit(isa, &magnitudes, w, &IQ2_XXS, 32, 8.0);
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

/// A block of magnitudes in groups of `len`, fitted; the stored scale is `per_unit` units.
fn fit<const RUN: usize>(
    isa: Isa,
    x: &[f32; 256],
    w: &[f32; 256],
    grid: &Grid<RUN>,
    len: usize,
    per_unit: f32,
) -> Fitted {
    let layout = Layout { len, per_unit, scales: 16, shifted_together: len };
    isa.run(Fit::<RUN, 1> { x, w, grid, layout, shifts: [0.0] })
}
