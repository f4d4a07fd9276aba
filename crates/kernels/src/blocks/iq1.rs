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

use super::{grids, half, half_at, u16_at};

#[inline(always)]
pub(super) fn dequantise_s(block: &[u8; 50], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    for (run, values) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let word = u16_at(block, 34 + run / 4 * 2);
        let index = usize::from(block[2 + run]) | usize::from(word >> (run % 4 * 3) & 7) << 8;
        ternary(values, index, d * f32::from(2 * (word >> 12 & 7) + 1), word & 0x8000 != 0);
    }
}

#[inline(always)]
pub(super) fn dequantise_m(block: &[u8; 56], out: &mut [f32; 256]) {
    let words: [u16; 4] = std::array::from_fn(|i| u16_at(block, 48 + 2 * i));
    let d = half(words[0] >> 12 | words[1] >> 8 & 0xf0 | words[2] >> 4 & 0xf00 | words[3] & 0xf000);
    for (run, values) in out.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let nibble = block[32 + run / 2] >> (run % 2 * 4) & 15;
        let index = usize::from(block[run]) | usize::from(nibble & 7) << 8;
        let scale = words[run / 8] >> (run / 2 % 4 * 3) & 7;
        ternary(values, index, d * f32::from(2 * scale + 1), nibble & 8 != 0);
    }
}

#[inline(always)]
fn ternary(out: &mut [f32; 8], index: usize, scale: f32, down: bool) {
    let delta = if down { -0.125 } else { 0.125 };
    let entry = grids::IQ1_S[index];
    for (i, value) in out.iter_mut().enumerate() {
        *value = scale * (f32::from(entry >> (2 * i) & 3) - 1.0 + delta);
    }
}
