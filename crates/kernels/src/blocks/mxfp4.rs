//! `MXFP4`: 32 values of E2M1 under a shared power of two.
//!
//! | bytes | |
//! |---|---|
//! | 0 | exponent, E8M0: the scale is `2^(e - 127)` |
//! | 1..17 | nibbles: value `i` low in byte `i`, value `i + 16` high |
//!
//! Source: OCP Microscaling Formats 1.0; the nibble order is ggml's. The levels are doubled and the scale halved, so
//! that the product of an integer and a power of two stays exact down to the least exponents.

const DOUBLED: [f32; 16] = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 0.0, -1.0, -2.0, -3.0, -4.0, -6.0, -8.0, -12.0];

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 17], out: &mut [f32; 32]) {
    let scale = half_scale(block[0]);
    for (i, &byte) in block[1..].iter().enumerate() {
        out[i] = scale * DOUBLED[usize::from(byte & 15)];
        out[i + 16] = scale * DOUBLED[usize::from(byte >> 4)];
    }
}

/// `2^(e - 128)`, subnormal for `e` below 2.
#[inline(always)]
fn half_scale(e: u8) -> f32 {
    f32::from_bits(if e < 2 { 0x0020_0000 << e } else { u32::from(e - 1) << 23 })
}
