//! `Q8_0`, 32 values: a half-precision scale, then codes. Scale times code is exact in f32 (11 + 8 bits).

use std::arch::x86_64::*;

use super::{Q8_0, Sink, Unpack, half_x8, half_x16};
use crate::DType;
use crate::vector::{F32x8, F32x16, Vector};

impl Unpack<F32x8> for Q8_0 {
    type Shared = F32x8;
    const PARTS: usize = 1;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q8_0
    }

    /// The scale.
    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> F32x8 {
        half_x8(src)
    }

    #[inline(always)]
    unsafe fn part(self, src: *const u8, d: &F32x8, _: usize, sink: &mut impl Sink<F32x8>) {
        let mut i = 0;
        while i < 4 {
            let codes = _mm256_cvtepi8_epi32(_mm_loadl_epi64(src.add(2 + 8 * i).cast()));
            sink.put(i, F32x8(_mm256_cvtepi32_ps(codes)).mul(*d));
            i += 1;
        }
    }
}

impl Unpack<F32x16> for Q8_0 {
    type Shared = F32x16;
    const PARTS: usize = 1;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q8_0
    }

    /// The scale.
    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> F32x16 {
        half_x16(src)
    }

    #[inline(always)]
    unsafe fn part(self, src: *const u8, d: &F32x16, _: usize, sink: &mut impl Sink<F32x16>) {
        let mut i = 0;
        while i < 2 {
            let codes = _mm512_cvtepi8_epi32(_mm_loadu_si128(src.add(2 + 16 * i).cast()));
            sink.put(i, F32x16(_mm512_cvtepi32_ps(codes)).mul(*d));
            i += 1;
        }
    }
}
