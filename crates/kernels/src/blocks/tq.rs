//! The ternary types: 256 values of -1, 0, 1 times one scale.
//!
//! `TQ1_0`: five values to a byte in base 3, as a fraction: multiplying the byte by `3^n` (mod 256) moves digit `n` to
//! the top, and times 3 shifted down by 8 reads it. Bytes 0..32 hold values `32 n + i`, bytes 32..48 values
//! `160 + 16 n + i`, bytes 48..52 four digits each, values `240 + 4 n + i`; 52..54 is `d`, f16.
//!
//! `TQ2_0`: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i`; 64..66 is `d`, f16.
//!
//! A value is `d * (digit - 1)`.

use super::half_at;

#[inline(always)]
pub(super) fn dequantise_1(block: &[u8; 54], out: &mut [f32; 256]) {
    let d = half_at(block, 52);
    digits(&block[..32], &mut out[..160], d);
    digits(&block[32..48], &mut out[160..240], d);
    digits(&block[48..52], &mut out[240..], d);
}

/// One digit of every byte, then the next digit of every byte, as many as `out` asks for.
#[inline(always)]
fn digits(packed: &[u8], out: &mut [f32], d: f32) {
    let mut power = 1u8;
    for values in out.chunks_mut(packed.len()) {
        for (value, byte) in values.iter_mut().zip(packed) {
            let digit = (u16::from(byte.wrapping_mul(power)) * 3) >> 8;
            *value = d * (f32::from(digit) - 1.0);
        }
        power = power.wrapping_mul(3);
    }
}

#[inline(always)]
pub(super) fn dequantise_2(block: &[u8; 66], out: &mut [f32; 256]) {
    let d = half_at(block, 64);
    for (plane, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (value, byte) in values.iter_mut().zip(&block[plane / 4 * 32..]) {
            *value = d * (f32::from(byte >> (plane % 4 * 2) & 3) - 1.0);
        }
    }
}
