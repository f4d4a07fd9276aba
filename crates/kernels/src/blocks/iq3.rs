//! The 3-bit codebook types: runs of four values out of a grid of eight magnitudes.
//!
//! | bytes | `IQ3_XXS` | `IQ3_S` |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 |
//! | low byte of grid index per run | 2..66 | 2..66 |
//! | ninth index bit per run | | 66..74 |
//! | signs | 66..98: u32 per 32 values, four times 7 bits | 74..106: bit per value |
//! | scales | top 4 bits of the u32 | 106..110: nibble per 32 |
//!
//! `IQ3_XXS` is `d * (scale + 0.5) / 2 * magnitude`, `IQ3_S` is `d * (2 scale + 1) * magnitude`.

use super::codebook::{even_signs, four};
use super::{grids, half_at, u32_at};

const XXS_MAGNITUDES: [f32; 8] = [4.0, 12.0, 20.0, 28.0, 36.0, 44.0, 52.0, 62.0];
const S_MAGNITUDES: [f32; 8] = [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0];

#[inline(always)]
pub(super) fn dequantise_xxs(block: &[u8; 98], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    for (run, values) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let word = u32_at(block, 66 + run / 8 * 4);
        let scale = d * (0.5 + (word >> 28) as f32) * 0.5;
        let signs = even_signs(word >> (run % 8 / 2 * 7)) >> (run % 2 * 4);
        four(values, grids::IQ3_XXS[block[2 + run] as usize], &XXS_MAGNITUDES, signs, scale);
    }
}

#[inline(always)]
pub(super) fn dequantise_s(block: &[u8; 110], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    for (run, values) in out.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let nibble = block[106 + run / 16] >> (run / 8 % 2 * 4) & 15;
        let ninth = block[66 + run / 8] >> (run % 8) & 1;
        let index = usize::from(block[2 + run]) | usize::from(ninth) << 8;
        let signs = block[74 + run / 2] >> (run % 2 * 4);
        four(values, grids::IQ3_S[index], &S_MAGNITUDES, signs, d * f32::from(1 + 2 * nibble));
    }
}
