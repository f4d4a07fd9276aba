//! `AFFINE8`: 32 values of 8 bits, what groups of other formats are in memory that no block of ggml's has.
//!
//! | bytes | |
//! |---|---|
//! | scale `d`, f32 | 0..4 |
//! | offset `m`, f32 | 4..8 |
//! | codes, i8 | 8..40 |
//!
//! A value is `d * q + m`.

use super::Affine;

#[inline(always)]
pub(super) fn codes(block: &[u8; 40], codes: &mut [i8; 32]) -> Affine<1> {
    let (head, packed) = block.split_at(8);
    let (scale, offset) = head.split_at(4);
    let single = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    codes.iter_mut().zip(packed).for_each(|(code, byte)| *code = *byte as i8);
    Affine { scales: [single(scale)], offsets: [single(offset)] }
}

/// Writes codes of `bits` each, which count from zero on and stand for `scale * code + offset`, as a block. Codes of 8 bits
/// count from −128 on there, so that what a scale times 128 is goes into the offset.
pub fn put_affine8(bits: u32, scale: f32, offset: f32, codes: &[u8; 32], out: &mut [u8; 40]) {
    let zero = if bits == 8 { 128u8 } else { 0 };
    out[..4].copy_from_slice(&scale.to_le_bytes());
    out[4..8].copy_from_slice(&(offset + scale * f32::from(zero)).to_le_bytes());
    out[8..].iter_mut().zip(codes).for_each(|(out, code)| *out = code.wrapping_sub(zero));
}
