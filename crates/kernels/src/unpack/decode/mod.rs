//! Every block type from its stored form into [`Codes`], in vector code that AVX2 and AVX-512 share.
//!
//! # Safety
//! As in [`crate::unpack`].

mod block32;
mod grid;
mod iq4_xs;
mod k;
mod ternary;

use crate::DType;
use crate::blocks::{Codes, STEP};

pub(crate) use block32::{InRegisters, Iq4Nl, Mxfp4, Q4_1, Q5_0, Q5_1};

/// [`crate::blocks::decode`], to the same codes, scales and offsets.
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) unsafe fn decode_avx2(dtype: DType, bytes: &[u8], to: &mut Codes) {
    decode(dtype, bytes, to);
}

/// The same, compiled for AVX-512.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vnni")]
pub(crate) unsafe fn decode_avx512(dtype: DType, bytes: &[u8], to: &mut Codes) {
    decode(dtype, bytes, to);
}

#[inline(always)]
unsafe fn decode(dtype: DType, bytes: &[u8], to: &mut Codes) {
    let src = bytes.as_ptr();
    debug_assert!(bytes.len() <= STEP / dtype.block_len() * dtype.block_bytes());
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 => unreachable!("{dtype} has no codes"),
        DType::Q4_0 => block32::decode::<block32::Q4_0>(bytes, to),
        DType::Q4_1 => block32::decode::<block32::Q4_1>(bytes, to),
        DType::Q5_0 => block32::decode::<block32::Q5_0>(bytes, to),
        DType::Q5_1 => block32::decode::<block32::Q5_1>(bytes, to),
        DType::Q8_0 => block32::decode::<block32::Q8_0>(bytes, to),
        DType::IQ4_NL => block32::decode::<block32::Iq4Nl>(bytes, to),
        DType::MXFP4 => block32::decode::<block32::Mxfp4>(bytes, to),
        DType::Q2_K => k::q2_k(src, to),
        DType::Q3_K => k::q3_k(src, to),
        DType::Q4_K => k::q4_k(src, to),
        DType::Q5_K => k::q5_k(src, to),
        DType::Q6_K => k::q6_k(src, to),
        DType::IQ1_S => grid::iq1_s(src, to),
        DType::IQ1_M => grid::iq1_m(src, to),
        DType::IQ2_XXS => grid::iq2_xxs(src, to),
        DType::IQ2_XS => grid::iq2_xs(src, to),
        DType::IQ2_S => grid::iq2_s(src, to),
        DType::IQ3_XXS => grid::iq3_xxs(src, to),
        DType::IQ3_S => grid::iq3_s(src, to),
        DType::IQ4_XS => iq4_xs::decode(src, to),
        DType::AFFINE8 => crate::blocks::decode(dtype, bytes, to),
        DType::TQ1_0 => ternary::tq1_0(src, to),
        DType::TQ2_0 => ternary::tq2_0(src, to),
    }
}
