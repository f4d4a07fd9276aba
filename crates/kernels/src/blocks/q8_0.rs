//! `Q8_0`: 32 values of 8 bits.
//!
//! | bytes | |
//! |---|---|
//! | 0..2 | scale `d`, f16 |
//! | 2..34 | codes, i8 |
//!
//! A value is `d * q`.

use super::{Scaled, half_at};

#[inline(always)]
pub(super) fn codes(block: &[u8; 34], codes: &mut [i8; 32]) -> Scaled<1> {
    for (code, &byte) in codes.iter_mut().zip(&block[2..]) {
        *code = byte as i8;
    }
    Scaled([half_at(block, 0)])
}
