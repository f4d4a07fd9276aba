//! ggml's weight blocks, one family a file: the layout, the exact reference for reading it and, for `Q8_0` and
//! `Q4_0`, for writing it.
//!
//! The reference defines the values: every vector kernel unpacks to the same bits.
//! Source of all layouts: ggml (MIT), `ggml-common.h` and `ggml-quants.c`.

mod codebook;
mod float;
mod grids;
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

pub use q4_0::quantise as quantise_q4_0;
pub use q8_0::quantise as quantise_q8_0;

pub(crate) use float::half;
use k_scales::k_scales;

use crate::DType;

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
        DType::Q4_0 => each(bytes, out, q4_0::dequantise),
        DType::Q4_1 => each(bytes, out, q4_0::dequantise_with_minimum),
        DType::Q5_0 => each(bytes, out, q5_0::dequantise),
        DType::Q5_1 => each(bytes, out, q5_0::dequantise_with_minimum),
        DType::Q8_0 => each(bytes, out, q8_0::dequantise),
        DType::Q2_K => each(bytes, out, q2_k::dequantise),
        DType::Q3_K => each(bytes, out, q3_k::dequantise),
        DType::Q4_K => each(bytes, out, q4_k::dequantise),
        DType::Q5_K => each(bytes, out, q5_k::dequantise),
        DType::Q6_K => each(bytes, out, q6_k::dequantise),
        DType::IQ1_S => each(bytes, out, iq1::dequantise_s),
        DType::IQ1_M => each(bytes, out, iq1::dequantise_m),
        DType::IQ2_XXS => each(bytes, out, iq2::dequantise_xxs),
        DType::IQ2_XS => each(bytes, out, iq2::dequantise_xs),
        DType::IQ2_S => each(bytes, out, iq2::dequantise_s),
        DType::IQ3_XXS => each(bytes, out, iq3::dequantise_xxs),
        DType::IQ3_S => each(bytes, out, iq3::dequantise_s),
        DType::IQ4_NL => each(bytes, out, iq4::dequantise_nl),
        DType::IQ4_XS => each(bytes, out, iq4::dequantise_xs),
        DType::TQ1_0 => each(bytes, out, tq::dequantise_1),
        DType::TQ2_0 => each(bytes, out, tq::dequantise_2),
        DType::MXFP4 => each(bytes, out, mxfp4::dequantise),
    }
}

#[inline(always)]
fn each<const BYTES: usize, const VALUES: usize>(
    bytes: &[u8],
    out: &mut [f32],
    block: impl Fn(&[u8; BYTES], &mut [f32; VALUES]),
) {
    let (blocks, outs) = (bytes.as_chunks::<BYTES>().0, out.as_chunks_mut::<VALUES>().0);
    for (bytes, values) in blocks.iter().zip(outs) {
        block(bytes, values);
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
