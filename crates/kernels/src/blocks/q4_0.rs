//! `Q4_0` and `Q4_1`: 32 values of 4 bits.
//!
//! | bytes | `Q4_0` | `Q4_1` |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 |
//! | minimum `m`, f16 | | 2..4 |
//! | nibbles: value `i` low in byte `i`, value `i + 16` high | 2..18 | 4..20 |
//!
//! `Q4_0` is `d * (q - 8)`, `Q4_1` is `d * q + m`.

use super::{Affine, Scaled, half_at};

#[inline(always)]
pub(super) fn codes(block: &[u8; 18], codes: &mut [i8; 32]) -> Scaled<1> {
    nibbles(&block[2..], codes, 8);
    Scaled([half_at(block, 0)])
}

#[inline(always)]
pub(super) fn codes_with_minimum(block: &[u8; 20], codes: &mut [i8; 32]) -> Affine<1> {
    nibbles(&block[4..], codes, 0);
    Affine { scales: [half_at(block, 0)], offsets: [half_at(block, 2)] }
}

#[inline(always)]
fn nibbles(packed: &[u8], codes: &mut [i8; 32], zero: i8) {
    let (low, high) = codes.split_at_mut(16);
    for ((low, high), &byte) in low.iter_mut().zip(high).zip(packed) {
        *low = (byte & 15) as i8 - zero;
        *high = (byte >> 4) as i8 - zero;
    }
}
