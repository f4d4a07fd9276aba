//! `Q5_0` and `Q5_1`: 32 values of 5 bits.
//!
//! | bytes | `Q5_0` | `Q5_1` |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 |
//! | minimum `m`, f16 | | 2..4 |
//! | fifth bits, u32: bit `i` of value `i` | 2..6 | 4..8 |
//! | nibbles: value `i` low in byte `i`, value `i + 16` high | 6..22 | 8..24 |
//!
//! `Q5_0` is `d * (q - 16)`, `Q5_1` is `d * q + m`.

use super::{half_at, u32_at};

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    codes(u32_at(block, 2), &block[6..], out, |q| d * (q as f32 - 16.0));
}

#[inline(always)]
pub(super) fn dequantise_with_minimum(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    codes(u32_at(block, 4), &block[8..], out, |q| d * q as f32 + m);
}

#[inline(always)]
fn codes(fifth: u32, packed: &[u8], out: &mut [f32; 32], value: impl Fn(u32) -> f32) {
    for (i, &byte) in packed.iter().enumerate() {
        out[i] = value(u32::from(byte & 15) | (fifth >> i & 1) << 4);
        out[i + 16] = value(u32::from(byte >> 4) | (fifth >> (i + 16) & 1) << 4);
    }
}
