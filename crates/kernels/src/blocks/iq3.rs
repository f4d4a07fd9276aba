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

use super::codebook::{even_signs, signed};
use super::{Scaled, grids, half_at, u32_at};

#[inline(always)]
pub(super) fn codes_xxs(block: &[u8; 98], codes: &mut [i8; 256]) -> Scaled<8> {
    let word = |group: usize| u32_at(block, 66 + group * 4);
    for (run, codes) in codes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let signs = even_signs(word(run / 8) >> (run % 8 / 2 * 7)) >> (run % 2 * 4);
        signed(codes, &grids::IQ3_XXS[usize::from(block[2 + run])], signs);
    }
    let d = half_at(block, 0);
    Scaled(std::array::from_fn(|group| d * (0.5 + (word(group) >> 28) as f32) * 0.5))
}

#[inline(always)]
pub(super) fn codes_s(block: &[u8; 110], codes: &mut [i8; 256]) -> Scaled<8> {
    for (run, codes) in codes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        let ninth = block[66 + run / 8] >> (run % 8) & 1;
        let index = usize::from(block[2 + run]) | usize::from(ninth) << 8;
        signed(codes, &grids::IQ3_S[index], block[74 + run / 2] >> (run % 2 * 4));
    }
    let d = half_at(block, 0);
    Scaled(std::array::from_fn(|group| {
        let nibble = block[106 + group / 2] >> (group % 2 * 4) & 15;
        d * f32::from(1 + 2 * nibble)
    }))
}
