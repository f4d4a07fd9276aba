//! ggml's weight blocks, one family a file: the layout, the exact reference for reading it.
//! `plimsoll_quantise` writes them.
//!
//! Every block type is integers under a scale, some with an offset: a file says which, [`codes`] the rest. The
//! reference defines the values: every vector kernel unpacks to the same bits.
//! Source of all layouts: ggml (MIT), `ggml-common.h` and `ggml-quants.c`.

mod affine8;
mod codebook;
mod codes;
mod float;
pub(crate) mod grids;
mod iq1;
mod iq2;
mod iq3;
mod iq4;
mod k_scales;
mod mxfp4;
mod q2_k;
mod q3_k;
mod q4_0;
mod q4_k;
mod q5_0;
mod q5_k;
mod q6_k;
mod q8_0;
mod tq;

pub use affine8::put_affine8;
pub use codes::block_groups;
pub(crate) use codes::{Affine, Codes, STEP, Units, decode};
pub(crate) use float::half;
#[cfg(target_arch = "x86_64")]
pub(crate) use iq4::IQ4_LEVELS;
#[cfg(target_arch = "aarch64")]
pub(crate) use k_scales::affine as k_scales;
pub(crate) use mxfp4::{DOUBLED_E2M1, half_e8m0};

use crate::DType;
use codes::Scaled;

/// Widens whole blocks: the exact reference of every type.
///
/// `bytes` holds `out.len() / dtype.block_len()` blocks.
///
/// ```
/// use plimsoll_kernels::{dequantise, DType};
/// let mut out = [0.0; 2];
/// dequantise(DType::BF16, &[0x80, 0x3f, 0x00, 0xc0], &mut out);
/// assert_eq!(out, [1.0, -2.0]);
/// ```
///
/// # Panics
/// If `out` is not a whole number of blocks or `bytes` has not exactly their length.
pub fn dequantise(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    assert_eq!(Some(bytes.len()), dtype.row_bytes(out.len()), "bytes of {} values of {dtype}", out.len());
    dequantise_inline(dtype, bytes, out);
}

/// [`dequantise`] without the check, compiled with the features of its caller; whole blocks that both slices have.
#[inline(always)]
pub(crate) fn dequantise_inline(dtype: DType, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        DType::F32 => float::f32s(bytes, out),
        DType::F16 => float::f16s(bytes, out),
        DType::BF16 => float::bf16s(bytes, out),
        _ => {
            let mut codes = Codes::new();
            let step = STEP / dtype.block_len() * dtype.block_bytes();
            for (bytes, out) in bytes.chunks(step).zip(out.chunks_mut(STEP)) {
                decode(dtype, bytes, &mut codes);
                codes.widen(dtype, out);
            }
        }
    }
}

/// The half-precision number at byte `at`.
#[inline(always)]
fn half_at(block: &[u8], at: usize) -> f32 {
    half(u16_at(block, at))
}

#[inline(always)]
fn u16_at(block: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([block[at], block[at + 1]])
}

#[inline(always)]
fn u32_at(block: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
}

/// 256 codes of 2 bits: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i`.
#[inline(always)]
fn two_bits(packed: &[u8], codes: &mut [i8; 256]) {
    for (plane, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (code, byte) in codes.iter_mut().zip(&packed[plane / 4 * 32..]) {
            *code = (byte >> (plane % 4 * 2) & 3) as i8;
        }
    }
}
