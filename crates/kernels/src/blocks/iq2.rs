//! The 2-bit codebook types: runs of eight values out of a grid of magnitudes 8, 25, 43.
//!
//! | bytes | `IQ2_XXS` | `IQ2_XS` | `IQ2_S` |
//! |---|---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 | 0..2 |
//! | grid indices | 2..66: per 32 values, four bytes | 2..66: u16 per run, low 9 bits | 2..34: low byte per run |
//! | signs | then u32: four times 7 bits | upper 7 bits of the u16 | 34..66: byte per run |
//! | upper index bits | | | 66..74: 2 bits per run |
//! | scales | top 4 bits of the u32, per 32 | 66..74: nibble per 16 | 74..82: nibble per 16 |
//!
//! A value is `d * (scale + 0.5) / 4 * magnitude`. Seven sign bits stand for eight of even parity.

use super::codebook::{even_signs, signed};
use super::{Scaled, grids, half_at, u16_at, u32_at};

#[inline(always)]
pub(super) fn codes_xxs(block: &[u8; 66], codes: &mut [i8; 256]) -> Scaled<8> {
    let word = |group: usize| u32_at(block, 2 + group * 8 + 4);
    for (run, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let (group, within) = (run / 4, run % 4);
        let index = block[2 + group * 8 + within];
        signed(codes, &grids::IQ2_XXS[usize::from(index)], even_signs(word(group) >> (7 * within)));
    }
    let d = half_at(block, 0);
    Scaled(std::array::from_fn(|group| quarter(d, (word(group) >> 28) as u8)))
}

#[inline(always)]
pub(super) fn codes_xs(block: &[u8; 74], codes: &mut [i8; 256]) -> Scaled<16> {
    for (run, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let word = u16_at(block, 2 + run * 2);
        signed(codes, &grids::IQ2_XS[usize::from(word & 511)], even_signs(u32::from(word >> 9)));
    }
    nibble_scales(half_at(block, 0), &block[66..74])
}

#[inline(always)]
pub(super) fn codes_s(block: &[u8; 82], codes: &mut [i8; 256]) -> Scaled<16> {
    for (run, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let upper = block[66 + run / 4] >> (run % 4 * 2) & 3;
        let index = usize::from(block[2 + run]) | usize::from(upper) << 8;
        signed(codes, &grids::IQ2_S[index], block[34 + run]);
    }
    nibble_scales(half_at(block, 0), &block[74..82])
}

/// Sixteen scales, two to a byte.
#[inline(always)]
fn nibble_scales(d: f32, nibbles: &[u8]) -> Scaled<16> {
    Scaled(std::array::from_fn(|group| quarter(d, nibbles[group / 2] >> (group % 2 * 4) & 15)))
}

#[inline(always)]
fn quarter(d: f32, scale: u8) -> f32 {
    d * (0.5 + f32::from(scale)) * 0.25
}
