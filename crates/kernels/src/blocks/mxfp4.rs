//! `MXFP4`: 32 values of E2M1 under a shared power of two.
//!
//! | bytes | |
//! |---|---|
//! | 0 | exponent, E8M0: the scale is `2^(e - 127)` |
//! | 1..17 | nibbles: value `i` low in byte `i`, value `i + 16` high |
//!
//! Source: OCP Microscaling Formats 1.0; the nibble order is ggml's. The levels are doubled and the scale halved, so
//! that the product of an integer and a power of two stays exact down to the least exponents.

use super::{Scaled, iq4};

pub(crate) const DOUBLED_E2M1: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

#[inline(always)]
pub(super) fn codes(block: &[u8; 17], codes: &mut [i8; 32]) -> Scaled<1> {
    iq4::levels(&block[1..], codes, &DOUBLED_E2M1);
    Scaled([half_e8m0(block[0])])
}

/// `2^(e - 128)`, subnormal for `e` below 2.
#[inline(always)]
pub(crate) const fn half_e8m0(e: u8) -> f32 {
    f32::from_bits(if e < 2 { 0x0020_0000 << e } else { ((e - 1) as u32) << 23 })
}
