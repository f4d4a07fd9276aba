//! The ternary types: 256 values of -1, 0, 1 times one scale.
//!
//! `TQ1_0`: five values to a byte in base 3, as a fraction: multiplying the byte by `3^n` (mod 256) moves digit `n` to
//! the top, and times 3 shifted down by 8 reads it. Bytes 0..32 hold values `32 n + i`, bytes 32..48 values
//! `160 + 16 n + i`, bytes 48..52 four digits each, values `240 + 4 n + i`; 52..54 is `d`, f16.
//!
//! `TQ2_0`: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i`; 64..66 is `d`, f16.
//!
//! A value is `d * (digit - 1)`.

use super::{Scaled, half_at, two_bits};

#[inline(always)]
pub(super) fn codes_1(block: &[u8; 54], codes: &mut [i8; 256]) -> Scaled<8> {
    digits(&block[..32], &mut codes[..160]);
    digits(&block[32..48], &mut codes[160..240]);
    digits(&block[48..52], &mut codes[240..]);
    Scaled([half_at(block, 52); 8])
}

/// One digit of every byte, then the next digit of every byte, as many as there are `codes`.
#[inline(always)]
fn digits(packed: &[u8], codes: &mut [i8]) {
    let mut power = 1u8;
    for codes in codes.chunks_mut(packed.len()) {
        for (code, byte) in codes.iter_mut().zip(packed) {
            *code = ((u16::from(byte.wrapping_mul(power)) * 3) >> 8) as i8 - 1;
        }
        power = power.wrapping_mul(3);
    }
}

#[inline(always)]
pub(super) fn codes_2(block: &[u8; 66], codes: &mut [i8; 256]) -> Scaled<8> {
    two_bits(&block[..64], codes);
    codes.iter_mut().for_each(|code| *code -= 1);
    Scaled([half_at(block, 64); 8])
}
