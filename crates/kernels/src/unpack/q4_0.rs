//! `Q4_0`, 32 values: a half-precision scale, then nibbles, the second sixteen values in the high ones. Scale times
//! code is exact in f32 (11 + 4 bits).

use std::arch::x86_64::*;

use super::{Q4_0, Sink, Unpack, half_x8, half_x16};
use crate::DType;
use crate::vector::{F32x8, F32x16, Vector};

impl Unpack<F32x8> for Q4_0 {
    type Shared = F32x8;
    const PARTS: usize = 1;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_0
    }

    /// The scale.
    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> F32x8 {
        half_x8(src)
    }

    #[inline(always)]
    unsafe fn part(self, src: *const u8, d: &F32x8, _: usize, sink: &mut impl Sink<F32x8>) {
        let first = _mm256_cvtepu8_epi32(_mm_loadl_epi64(src.add(2).cast()));
        let second = _mm256_cvtepu8_epi32(_mm_loadl_epi64(src.add(10).cast()));
        let low = _mm256_set1_epi32(15);
        sink.put(0, centred(_mm256_and_si256(first, low)).mul(*d));
        sink.put(1, centred(_mm256_and_si256(second, low)).mul(*d));
        sink.put(2, centred(_mm256_srli_epi32::<4>(first)).mul(*d));
        sink.put(3, centred(_mm256_srli_epi32::<4>(second)).mul(*d));
    }
}

#[inline(always)]
unsafe fn centred(codes: __m256i) -> F32x8 {
    F32x8(_mm256_cvtepi32_ps(_mm256_sub_epi32(codes, _mm256_set1_epi32(8))))
}

impl Unpack<F32x16> for Q4_0 {
    type Shared = F32x16;
    const PARTS: usize = 1;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_0
    }

    /// The scale.
    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> F32x16 {
        half_x16(src)
    }

    /// The block's sixteen values are a register; a permutation by the low four bits of each lane looks them up.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, d: &F32x16, _: usize, sink: &mut impl Sink<F32x16>) {
        let codes = _mm512_setr_ps(-8., -7., -6., -5., -4., -3., -2., -1., 0., 1., 2., 3., 4., 5., 6., 7.);
        let table = d.mul(F32x16(codes)).0;
        let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(src.add(2).cast()));
        sink.put(0, F32x16(_mm512_permutexvar_ps(bytes, table)));
        sink.put(1, F32x16(_mm512_permutexvar_ps(_mm512_srli_epi32::<4>(bytes), table)));
    }
}
