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

use super::{Affine, Scaled, half_at, u32_at};

#[inline(always)]
pub(super) fn codes(block: &[u8; 22], codes: &mut [i8; 32]) -> Scaled<1> {
    five_bits(u32_at(block, 2), &block[6..], codes, 16);
    Scaled([half_at(block, 0)])
}

#[inline(always)]
pub(super) fn codes_with_minimum(block: &[u8; 24], codes: &mut [i8; 32]) -> Affine<1> {
    five_bits(u32_at(block, 4), &block[8..], codes, 0);
    Affine { scales: [half_at(block, 0)], offsets: [half_at(block, 2)] }
}

#[inline(always)]
fn five_bits(fifth: u32, packed: &[u8], codes: &mut [i8; 32], zero: i8) {
    for (i, &byte) in packed.iter().enumerate() {
        codes[i] = (byte & 15 | ((fifth >> i & 1) as u8) << 4) as i8 - zero;
        codes[i + 16] = (byte >> 4 | ((fifth >> (i + 16) & 1) as u8) << 4) as i8 - zero;
    }
}
