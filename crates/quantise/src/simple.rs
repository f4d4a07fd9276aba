//! Types of 32 values under one scale: `Q4_0`, `Q5_0`, `Q8_0`, and with an offset `Q4_1`, `Q5_1`.
//! Layouts: `plimsoll_kernels`, `blocks/{q4_0,q5_0,q8_0}.rs`.

use crate::affine::{self, Affine, best_affine};
use crate::scale::{self, Levels, best_scale};
use crate::sums::{half, stored};

const Q4: Levels = Levels { low: -8.0, high: 7.0 };
const Q5: Levels = Levels { low: -16.0, high: 15.0 };
/// -128 is left out, as ggml leaves it: kernels of others negate codes.
const Q8: Levels = Levels { low: -127.0, high: 127.0 };

/// `Q4_0`.
pub fn q4_0(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 18]) {
    let codes = scaled(x, w, Q4, &mut block[..2]);
    put_nibbles(&codes, &mut block[2..]);
}

/// `Q5_0`.
pub fn q5_0(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 22]) {
    let codes = scaled(x, w, Q5, &mut block[..2]);
    put_five_bits(&codes, &mut block[2..]);
}

/// `Q8_0`.
pub fn q8_0(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 34]) {
    let codes = scaled(x, w, Q8, &mut block[..2]);
    for (byte, code) in block[2..].iter_mut().zip(codes) {
        *byte = code.wrapping_sub(127);
    }
}

/// `Q4_1`.
pub fn q4_1(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 20]) {
    let codes = with_offset(x, w, 15.0, &mut block[..4]);
    put_nibbles(&codes, &mut block[4..]);
}

/// `Q5_1`.
pub fn q5_1(x: &[f32; 32], w: &[f32; 32], block: &mut [u8; 24]) {
    let codes = with_offset(x, w, 31.0, &mut block[..4]);
    put_five_bits(&codes, &mut block[4..]);
}

/// Writes the scale and takes the codes at what was written of it.
fn scaled(x: &[f32; 32], w: &[f32; 32], levels: Levels, head: &mut [u8]) -> [u8; 32] {
    let scale = best_scale(x, w, levels);
    head.copy_from_slice(&half(scale).to_le_bytes());
    scale::codes(x, stored(scale), levels)
}

fn with_offset(x: &[f32; 32], w: &[f32; 32], high: f32, head: &mut [u8]) -> [u8; 32] {
    let Affine { scale, offset } = best_affine(x, w, high, false);
    head[..2].copy_from_slice(&half(scale).to_le_bytes());
    head[2..].copy_from_slice(&half(offset).to_le_bytes());
    affine::codes(x, Affine { scale: stored(scale), offset: stored(offset) }, high)
}

/// Value `i` low in byte `i`, value `i + 16` high.
pub fn put_nibbles(codes: &[u8; 32], to: &mut [u8]) {
    for (i, byte) in to.iter_mut().enumerate() {
        *byte = codes[i] & 15 | codes[i + 16] << 4;
    }
}

/// Bit `i` of the first four bytes is the fifth of value `i`.
fn put_five_bits(codes: &[u8; 32], to: &mut [u8]) {
    let fifth = codes.iter().enumerate().fold(0u32, |bits, (i, code)| bits | u32::from(code >> 4) << i);
    to[..4].copy_from_slice(&fifth.to_le_bytes());
    put_nibbles(codes, &mut to[4..]);
}
