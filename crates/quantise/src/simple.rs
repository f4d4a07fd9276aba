//! Types of 32 values under one scale: `Q4_0`, `Q5_0`, `Q8_0`, and with an offset `Q4_1`, `Q5_1`.
//! Layouts: `plimsoll_kernels`, `blocks/{q4_0,q5_0,q8_0}.rs`.

use crate::affine::{self, Affine, best_affine};
use crate::blocks::Eight;
use crate::lanes::{LANES, Lanes};
use crate::scale::{self, Levels, best_scale};
use crate::sums::{half, stored};

const Q4: Levels = Levels { low: -8.0, high: 7.0 };
const Q5: Levels = Levels { low: -16.0, high: 15.0 };
/// -128 is left out, as ggml leaves it: kernels of others negate codes.
const Q8: Levels = Levels { low: -127.0, high: 127.0 };

/// `Q4_0`.
pub struct Q4_0;
/// `Q5_0`.
pub struct Q5_0;
/// `Q8_0`.
pub struct Q8_0;
/// `Q4_1`.
pub struct Q4_1;
/// `Q5_1`.
pub struct Q5_1;

impl Eight<32, 18> for Q4_0 {
    #[inline(always)]
    fn encode(x: [&[f32; 32]; LANES], lanes: &[Lanes; 32], w: &[Lanes; 32], blocks: &mut [[u8; 18]; LANES]) {
        let scales = best_scale(lanes, w, Q4);
        for (lane, block) in blocks.iter_mut().enumerate() {
            let codes = scaled(x[lane], scales.0[lane], Q4, &mut block[..2]);
            put_nibbles(&codes, &mut block[2..]);
        }
    }
}

impl Eight<32, 22> for Q5_0 {
    #[inline(always)]
    fn encode(x: [&[f32; 32]; LANES], lanes: &[Lanes; 32], w: &[Lanes; 32], blocks: &mut [[u8; 22]; LANES]) {
        let scales = best_scale(lanes, w, Q5);
        for (lane, block) in blocks.iter_mut().enumerate() {
            let codes = scaled(x[lane], scales.0[lane], Q5, &mut block[..2]);
            put_five_bits(&codes, &mut block[2..]);
        }
    }
}

impl Eight<32, 34> for Q8_0 {
    #[inline(always)]
    fn encode(x: [&[f32; 32]; LANES], lanes: &[Lanes; 32], w: &[Lanes; 32], blocks: &mut [[u8; 34]; LANES]) {
        let scales = best_scale(lanes, w, Q8);
        for (lane, block) in blocks.iter_mut().enumerate() {
            let codes = scaled(x[lane], scales.0[lane], Q8, &mut block[..2]);
            for (byte, code) in block[2..].iter_mut().zip(codes) {
                *byte = code.wrapping_sub(127);
            }
        }
    }
}

impl Eight<32, 20> for Q4_1 {
    #[inline(always)]
    fn encode(x: [&[f32; 32]; LANES], lanes: &[Lanes; 32], w: &[Lanes; 32], blocks: &mut [[u8; 20]; LANES]) {
        let fitted = best_affine(lanes, w, 15.0, false);
        for (lane, block) in blocks.iter_mut().enumerate() {
            let codes = with_offset(x[lane], fitted.of(lane), 15.0, &mut block[..4]);
            put_nibbles(&codes, &mut block[4..]);
        }
    }
}

impl Eight<32, 24> for Q5_1 {
    #[inline(always)]
    fn encode(x: [&[f32; 32]; LANES], lanes: &[Lanes; 32], w: &[Lanes; 32], blocks: &mut [[u8; 24]; LANES]) {
        let fitted = best_affine(lanes, w, 31.0, false);
        for (lane, block) in blocks.iter_mut().enumerate() {
            let codes = with_offset(x[lane], fitted.of(lane), 31.0, &mut block[..4]);
            put_five_bits(&codes, &mut block[4..]);
        }
    }
}

/// Writes the scale and takes the codes at what was written of it.
#[inline(always)]
fn scaled(x: &[f32; 32], scale: f32, levels: Levels, head: &mut [u8]) -> [u8; 32] {
    head.copy_from_slice(&half(scale).to_le_bytes());
    scale::codes(x, stored(scale), levels)
}

#[inline(always)]
fn with_offset(x: &[f32; 32], at: Affine, high: f32, head: &mut [u8]) -> [u8; 32] {
    head[..2].copy_from_slice(&half(at.scale).to_le_bytes());
    head[2..].copy_from_slice(&half(at.offset).to_le_bytes());
    affine::codes(x, Affine { scale: stored(at.scale), offset: stored(at.offset) }, high)
}

/// Value `i` low in byte `i`, value `i + 16` high.
#[inline(always)]
pub fn put_nibbles(codes: &[u8; 32], to: &mut [u8]) {
    for (i, byte) in to.iter_mut().enumerate() {
        *byte = codes[i] & 15 | codes[i + 16] << 4;
    }
}

/// Bit `i` of the first four bytes is the fifth of value `i`.
#[inline(always)]
fn put_five_bits(codes: &[u8; 32], to: &mut [u8]) {
    let mut fifth = 0;
    for (i, code) in codes.iter().enumerate() {
        fifth |= u32::from(code >> 4) << i;
    }
    to[..4].copy_from_slice(&fifth.to_le_bytes());
    put_nibbles(codes, &mut to[4..]);
}
