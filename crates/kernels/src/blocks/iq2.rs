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

use super::codebook::{eight, even_signs};
use super::{grids, half_at, u16_at, u32_at};

#[inline(always)]
pub(super) fn dequantise_xxs(block: &[u8; 66], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    for (group, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let at = 2 + group * 8;
        let word = u32_at(block, at + 4);
        let scale = d * (0.5 + (word >> 28) as f32) * 0.25;
        for (run, values) in values.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            eight(values, grids::IQ2_XXS[block[at + run] as usize], even_signs(word >> (7 * run)), scale);
        }
    }
}

#[inline(always)]
pub(super) fn dequantise_xs(block: &[u8; 74], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    for (run, values) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let word = u16_at(block, 2 + run * 2);
        let scale = nibble_scale(d, &block[66..74], run);
        eight(values, grids::IQ2_XS[(word & 511) as usize], even_signs(u32::from(word >> 9)), scale);
    }
}

#[inline(always)]
pub(super) fn dequantise_s(block: &[u8; 82], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    for (run, values) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let upper = block[66 + run / 4] >> (run % 4 * 2) & 3;
        let index = usize::from(block[2 + run]) | usize::from(upper) << 8;
        eight(values, grids::IQ2_S[index], block[34 + run], nibble_scale(d, &block[74..82], run));
    }
}

/// The scale of run `run`: two runs of eight share a nibble.
#[inline(always)]
fn nibble_scale(d: f32, nibbles: &[u8], run: usize) -> f32 {
    let nibble = nibbles[run / 4] >> (run / 2 % 2 * 4) & 15;
    d * (0.5 + f32::from(nibble)) * 0.25
}
