//! The 4-bit curve types: each code picks one of 16 uneven levels.
//!
//! | bytes | `IQ4_NL`, 32 values | `IQ4_XS`, 256 values in eight runs of 32 |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 |
//! | scales | | 2..4: upper 2 bits per run; 4..8: low nibble per run |
//! | nibbles: value `i` low in byte `i`, value `i + 16` high | 2..18 | 8..136, 16 bytes per run |
//!
//! `IQ4_NL` is `d * level`, `IQ4_XS` is `d * (scale - 32) * level`.

use super::{half_at, u16_at};

const LEVELS: [f32; 16] =
    [-127.0, -104.0, -83.0, -65.0, -49.0, -35.0, -22.0, -10.0, 1.0, 13.0, 25.0, 38.0, 53.0, 69.0, 89.0, 113.0];

#[inline(always)]
pub(super) fn dequantise_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    levels(&block[2..], out, half_at(block, 0));
}

#[inline(always)]
pub(super) fn dequantise_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let (d, upper) = (half_at(block, 0), u16_at(block, 2));
    for (run, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let low = block[4 + run / 2] >> (run % 2 * 4) & 15;
        let scale = u16::from(low) | (upper >> (2 * run) & 3) << 4;
        levels(&block[8 + run * 16..][..16], values, d * (f32::from(scale) - 32.0));
    }
}

#[inline(always)]
fn levels(packed: &[u8], out: &mut [f32; 32], scale: f32) {
    for (i, &byte) in packed.iter().enumerate() {
        out[i] = scale * LEVELS[usize::from(byte & 15)];
        out[i + 16] = scale * LEVELS[usize::from(byte >> 4)];
    }
}
