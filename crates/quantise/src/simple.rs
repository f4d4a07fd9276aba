//! Types of 32 values under one scale: `Q4_0`, `Q5_0`, `Q8_0`, and with an offset `Q4_1`, `Q5_1`.
//! Layouts: `plimsoll_kernels`, `blocks/{q4_0,q5_0,q8_0}.rs`.

use plimsoll_kernels::Isa;

use crate::affine::{Coded, FitAffines};
use crate::blocks::Eight;
use crate::lanes::LANES;
use crate::scale::{FitScales, Levels, Scaled};

const Q4: Levels = Levels { low: -8.0, high: 7.0 };
const Q5: Levels = Levels { low: -16.0, high: 15.0 };
/// -128 is left out, as ggml leaves it: kernels of others negate codes.
const Q8: Levels = Levels { low: -127.0, high: 127.0 };

/// `Q4_0`.
pub fn q4_0(isa: Isa, eight: Eight<32>, blocks: &mut [[u8; 18]; LANES]) {
    scaled(isa, eight, Q4, blocks, put_nibbles);
}

/// `Q5_0`.
pub fn q5_0(isa: Isa, eight: Eight<32>, blocks: &mut [[u8; 22]; LANES]) {
    scaled(isa, eight, Q5, blocks, put_five_bits);
}

/// `Q8_0`.
pub fn q8_0(isa: Isa, eight: Eight<32>, blocks: &mut [[u8; 34]; LANES]) {
    scaled(isa, eight, Q8, blocks, |codes, to| {
        for (byte, code) in to.iter_mut().zip(codes) {
            *byte = code.wrapping_sub(127);
        }
    });
}

/// `Q4_1`.
pub fn q4_1(isa: Isa, eight: Eight<32>, blocks: &mut [[u8; 20]; LANES]) {
    with_offset(isa, eight, 15.0, blocks, put_nibbles);
}

/// `Q5_1`.
pub fn q5_1(isa: Isa, eight: Eight<32>, blocks: &mut [[u8; 24]; LANES]) {
    with_offset(isa, eight, 31.0, blocks, put_five_bits);
}

/// Scales, and codes as `put` lays them out.
fn scaled<const BYTES: usize>(
    isa: Isa,
    Eight { x, w }: Eight<32>,
    levels: Levels,
    blocks: &mut [[u8; BYTES]; LANES],
    put: impl Fn(&[u8; 32], &mut [u8]),
) {
    let Scaled { scales, codes } = isa.run(FitScales { x, w, levels });
    for (lane, block) in blocks.iter_mut().enumerate() {
        block[..2].copy_from_slice(&scales[lane].to_le_bytes());
        put(&codes[lane], &mut block[2..]);
    }
}

/// Scales, offsets, and codes as `put` lays them out.
fn with_offset<const BYTES: usize>(
    isa: Isa,
    Eight { x, w }: Eight<32>,
    high: f32,
    blocks: &mut [[u8; BYTES]; LANES],
    put: impl Fn(&[u8; 32], &mut [u8]),
) {
    let Coded { scales, offsets, codes } = isa.run(FitAffines { x, w, high });
    for (lane, block) in blocks.iter_mut().enumerate() {
        block[..2].copy_from_slice(&scales[lane].to_le_bytes());
        block[2..4].copy_from_slice(&offsets[lane].to_le_bytes());
        put(&codes[lane], &mut block[4..]);
    }
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
