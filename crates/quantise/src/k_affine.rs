//! Types of 256 values whose runs have a scale and a minimum in units of the block's own two: `Q2_K`, `Q4_K`, `Q5_K`.
//! Layouts: `plimsoll_kernels`, `blocks/{q2_k,q4_k,q5_k,k_scales}.rs`.

use plimsoll_kernels::Isa;

use crate::k_affine_fit::{Fit, Settled, Shape, Whole};
use crate::lanes::LANES;
use crate::sums::half;

/// `Q4_K`.
pub fn q4_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 144]) {
    let (fitted, codes) = isa.run(Fit::<1, 32> { x, w, shape: Shape { high: 15.0, most: 63.0 } });
    put_head(&fitted, block);
    put_nibbles(&codes, &mut block[16..]);
}

/// `Q5_K`.
pub fn q5_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 176]) {
    let (fitted, codes) = isa.run(Fit::<1, 32> { x, w, shape: Shape { high: 31.0, most: 63.0 } });
    put_head(&fitted, block);
    for (i, byte) in block[16..48].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |bits, run| bits | codes[32 * run + i] >> 4 << run);
    }
    put_nibbles(&codes, &mut block[48..]);
}

/// `Q2_K`.
pub fn q2_k(isa: Isa, x: &[f32; 256], w: &[f32; 256], block: &mut [u8; 84]) {
    let (fitted, codes) = isa.run(Fit::<2, 16> { x, w, shape: Shape { high: 3.0, most: 15.0 } });
    for (run, byte) in block[..16].iter_mut().enumerate() {
        let Whole { scale, minimum } = fitted.runs[run / LANES];
        *byte = scale.0[run % LANES] as u8 | (minimum.0[run % LANES] as u8) << 4;
    }
    put_two_bits(&codes, &mut block[16..80]);
    block[80..82].copy_from_slice(&half(fitted.d).to_le_bytes());
    block[82..].copy_from_slice(&half(fitted.dmin).to_le_bytes());
}

/// 256 codes of 2 bits: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i`.
pub fn put_two_bits(codes: &[u8; 256], to: &mut [u8]) {
    for (half, bytes) in to.chunks_exact_mut(32).enumerate() {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |bits, plane| bits | (codes[128 * half + 32 * plane + i] & 3) << (2 * plane));
        }
    }
}

/// Byte `32 g + i` holds value `64 g + i` low and `64 g + 32 + i` high.
fn put_nibbles(codes: &[u8; 256], to: &mut [u8]) {
    for (pair, bytes) in codes.as_chunks::<64>().0.iter().zip(to.chunks_exact_mut(32)) {
        for (i, byte) in bytes.iter_mut().enumerate() {
            *byte = pair[i] & 15 | pair[i + 32] << 4;
        }
    }
}

/// `d`, `dmin` and eight pairs of 6 bits in twelve bytes.
fn put_head(fitted: &Settled<1>, block: &mut [u8]) {
    block[..2].copy_from_slice(&half(fitted.d).to_le_bytes());
    block[2..4].copy_from_slice(&half(fitted.dmin).to_le_bytes());
    let (scale, min) = (fitted.runs[0].scale.0, fitted.runs[0].minimum.0);
    for i in 0..4 {
        let (scale, upper_scale) = (scale[i] as u8, scale[i + 4] as u8);
        let (min, upper_min) = (min[i] as u8, min[i + 4] as u8);
        block[4 + i] = scale | upper_scale >> 4 << 6;
        block[8 + i] = min | upper_min >> 4 << 6;
        block[12 + i] = upper_scale & 15 | upper_min << 4;
    }
}
