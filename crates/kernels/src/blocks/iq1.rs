//! The ternary codebook types: runs of eight values of -1, 0, 1, moved together by an eighth up or down.
//!
//! | bytes | `IQ1_S` | `IQ1_M` |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | the top nibbles of the four u16 at 48..56, first lowest |
//! | low byte of grid index per run | 2..34 | 0..32 |
//! | three upper index bits per run | 34..50: u16 per 32 values, bits `3 j` | 32..48: nibble per run, low 3 bits |
//! | shift: down if set | top bit of the u16, per 32 | top bit of the nibble, per run |
//! | 3-bit scale | bits 12..15 of the u16, per 32 | 48..56: u16 per 64 values, bits `3 j` per 16 |
//!
//! A value is `d * (2 scale + 1) * (code ± 1/8)`.

use super::{Scaled, grids, half, half_at, u16_at};

#[inline(always)]
pub(super) fn codes_s(block: &[u8; 50], codes: &mut [i8; 256]) -> Scaled<8> {
    let word = |group: usize| u16_at(block, 34 + group * 2);
    for (run, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let word = word(run / 4);
        let index = usize::from(block[2 + run]) | usize::from(word >> (run % 4 * 3) & 7) << 8;
        shifted(codes, index, word & 0x8000 != 0);
    }
    let d = half_at(block, 0);
    Scaled(std::array::from_fn(|group| eighth(d, word(group) >> 12 & 7)))
}

#[inline(always)]
pub(super) fn codes_m(block: &[u8; 56], codes: &mut [i8; 256]) -> Scaled<16> {
    for (run, codes) in codes.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let nibble = block[32 + run / 2] >> (run % 2 * 4) & 15;
        shifted(codes, usize::from(block[run]) | usize::from(nibble & 7) << 8, nibble & 8 != 0);
    }
    let words: [u16; 4] = std::array::from_fn(|i| u16_at(block, 48 + 2 * i));
    let d = half(words[0] >> 12 | words[1] >> 8 & 0xf0 | words[2] >> 4 & 0xf00 | words[3] & 0xf000);
    Scaled(std::array::from_fn(|group| eighth(d, words[group / 4] >> (group % 4 * 3) & 7)))
}

/// Codes count eighths, so that the shift is one: -9, -7, -1, 1, 7, 9.
#[inline(always)]
fn shifted(codes: &mut [i8; 8], index: usize, down: bool) {
    let shift = if down { -1 } else { 1 };
    for (code, grid) in codes.iter_mut().zip(&grids::IQ1_S[index]) {
        *code = grid + shift;
    }
}

/// The scale of an eighth.
#[inline(always)]
fn eighth(d: f32, scale: u16) -> f32 {
    d * f32::from(2 * scale + 1) * 0.125
}
