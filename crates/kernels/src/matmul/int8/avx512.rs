//! Registers of 64 bytes, with VNNI.

use std::arch::x86_64::*;

use super::avx2::eight_words;
use super::bytes::Bytes;
use super::integer_scales::ScaleInFloats;
use super::row_strip::Rows;
use crate::DType;
use crate::blocks::Codes;
use crate::unpack;
use crate::vector::F32x16;

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct U8x64(__m512i);

impl Bytes for U8x64 {
    type Floats = F32x16;
    type Scales = ScaleInFloats;
    /// `vpdpbusd` takes codes from 0 to 255.
    const BIAS: i32 = 128;
    /// Twelve registers of integer sums, twelve of float sums, two of codes.
    const TOKENS: usize = 6;

    #[inline(always)]
    unsafe fn load(rows: Rows, q: usize, at: usize) -> Self {
        let first = rows.row(q).add(at);
        let pitch = 4 * rows.stride;
        let lanes = _mm512_castsi128_si512(_mm_loadu_si128(first.cast()));
        let lanes = _mm512_inserti32x4::<1>(lanes, _mm_loadu_si128(first.add(pitch).cast()));
        let lanes = _mm512_inserti32x4::<2>(lanes, _mm_loadu_si128(first.add(2 * pitch).cast()));
        U8x64(_mm512_inserti32x4::<3>(lanes, _mm_loadu_si128(first.add(3 * pitch).cast())))
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        U8x64(_mm512_set1_epi8(byte as i8))
    }

    #[inline(always)]
    unsafe fn repeat_16(from: *const u8) -> Self {
        U8x64(_mm512_broadcast_i32x4(_mm_loadu_si128(from.cast())))
    }

    #[inline(always)]
    unsafe fn repeat_4(from: *const u8) -> Self {
        U8x64(_mm512_set1_epi32(from.cast::<i32>().read_unaligned()))
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        U8x64(_mm512_and_si512(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        U8x64(_mm512_or_si512(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shr_16<const N: u32>(self) -> Self {
        U8x64(_mm512_srli_epi16::<N>(self.0))
    }

    #[inline(always)]
    unsafe fn shl_16<const N: u32>(self) -> Self {
        U8x64(_mm512_slli_epi16::<N>(self.0))
    }

    #[inline(always)]
    unsafe fn sar_32<const N: u32>(self) -> Self {
        U8x64(_mm512_srai_epi32::<N>(self.0))
    }

    #[inline(always)]
    unsafe fn shuffle(self, from: [i8; 16]) -> Self {
        U8x64(_mm512_shuffle_epi8(self.0, Self::repeat_16(from.as_ptr().cast()).0))
    }

    #[inline(always)]
    unsafe fn look_up(self, table: [i8; 16]) -> Self {
        U8x64(_mm512_shuffle_epi8(Self::repeat_16(table.as_ptr().cast()).0, self.0))
    }

    #[inline(always)]
    unsafe fn zip_low<const N: usize>(self, other: Self) -> Self {
        U8x64(match N {
            1 => _mm512_unpacklo_epi8(self.0, other.0),
            2 => _mm512_unpacklo_epi16(self.0, other.0),
            4 => _mm512_unpacklo_epi32(self.0, other.0),
            _ => _mm512_unpacklo_epi64(self.0, other.0),
        })
    }

    #[inline(always)]
    unsafe fn zip_high<const N: usize>(self, other: Self) -> Self {
        U8x64(match N {
            1 => _mm512_unpackhi_epi8(self.0, other.0),
            2 => _mm512_unpackhi_epi16(self.0, other.0),
            4 => _mm512_unpackhi_epi32(self.0, other.0),
            _ => _mm512_unpackhi_epi64(self.0, other.0),
        })
    }

    #[inline(always)]
    unsafe fn add_32(self, other: Self) -> Self {
        U8x64(_mm512_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> F32x16 {
        F32x16(_mm512_cvtepi32_ps(self.0))
    }

    #[inline(always)]
    unsafe fn signed(self) -> Self {
        U8x64(_mm512_xor_si512(self.0, _mm512_set1_epi8(-128)))
    }

    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(self, codes: Self, x: Self) -> Self {
        U8x64(_mm512_dpbusd_epi32(self.0, codes.0, x.0))
    }

    #[inline(always)]
    unsafe fn halves(rows: Rows, at: usize) -> F32x16 {
        F32x16(_mm512_cvtph_ps(_mm256_set_m128i(eight_words(rows, 8, at), eight_words(rows, 0, at))))
    }

    #[inline(always)]
    unsafe fn powers(rows: Rows, at: usize) -> F32x16 {
        let words = _mm256_set_m128i(eight_words(rows, 8, at), eight_words(rows, 0, at));
        let e = _mm512_and_si512(_mm512_cvtepu16_epi32(words), _mm512_set1_epi32(0xff));
        let normal = _mm512_sub_epi32(_mm512_slli_epi32::<23>(e), _mm512_set1_epi32(1 << 23));
        let subnormal = _mm512_sllv_epi32(_mm512_set1_epi32(1 << 21), e);
        let is_normal = _mm512_cmpgt_epi32_mask(e, _mm512_set1_epi32(1));
        F32x16(_mm512_castsi512_ps(_mm512_mask_blend_epi32(is_normal, subnormal, normal)))
    }

    #[inline(always)]
    unsafe fn decode(dtype: DType, bytes: &[u8], to: &mut Codes) {
        unpack::decode_avx512(dtype, bytes, to);
    }
}
