//! Registers of 32 bytes.

use std::arch::x86_64::*;

use super::bytes::Bytes;
use super::gemm::{STRIPS, by_dots};
use super::row_strip::Rows;
use super::scale_in_pairs::{ScaleInPairs, by_pairs, group_fits, opaque, two_fit, two_of};
use super::stored::Stored;
use crate::DType;
use crate::blocks::Codes;
use crate::unpack;
use crate::vector::F32x8;

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct U8x32(pub __m256i);

impl Bytes for U8x32 {
    type Floats = F32x8;
    type Scales = ScaleInPairs;
    const BIAS: i32 = 0;
    /// Eight of sixteen registers hold sums.
    const TOKENS: usize = 4;

    #[inline(always)]
    unsafe fn load(rows: Rows, q: usize, at: usize) -> Self {
        let first = rows.row(q).add(at);
        let lanes = _mm256_castsi128_si256(_mm_loadu_si128(first.cast()));
        U8x32(_mm256_inserti128_si256::<1>(lanes, _mm_loadu_si128(first.add(4 * rows.stride).cast())))
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        U8x32(_mm256_set1_epi8(byte as i8))
    }

    #[inline(always)]
    unsafe fn repeat_16(from: *const u8) -> Self {
        U8x32(_mm256_broadcastsi128_si256(_mm_loadu_si128(from.cast())))
    }

    #[inline(always)]
    unsafe fn repeat_4(from: *const u8) -> Self {
        U8x32(_mm256_set1_epi32(from.cast::<i32>().read_unaligned()))
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        U8x32(_mm256_and_si256(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        U8x32(_mm256_or_si256(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shr_16<const N: u32>(self) -> Self {
        U8x32(_mm256_srl_epi16(self.0, _mm_cvtsi32_si128(N as i32)))
    }

    #[inline(always)]
    unsafe fn shl_16<const N: u32>(self) -> Self {
        U8x32(_mm256_sll_epi16(self.0, _mm_cvtsi32_si128(N as i32)))
    }

    #[inline(always)]
    unsafe fn sar_32<const N: u32>(self) -> Self {
        U8x32(_mm256_sra_epi32(self.0, _mm_cvtsi32_si128(N as i32)))
    }

    #[inline(always)]
    unsafe fn shuffle(self, from: [i8; 16]) -> Self {
        U8x32(_mm256_shuffle_epi8(self.0, Self::repeat_16(from.as_ptr().cast()).0))
    }

    #[inline(always)]
    unsafe fn look_up(self, table: [i8; 16]) -> Self {
        U8x32(_mm256_shuffle_epi8(Self::repeat_16(table.as_ptr().cast()).0, self.0))
    }

    #[inline(always)]
    unsafe fn zip_low<const N: usize>(self, other: Self) -> Self {
        U8x32(match N {
            1 => _mm256_unpacklo_epi8(self.0, other.0),
            2 => _mm256_unpacklo_epi16(self.0, other.0),
            4 => _mm256_unpacklo_epi32(self.0, other.0),
            _ => _mm256_unpacklo_epi64(self.0, other.0),
        })
    }

    #[inline(always)]
    unsafe fn zip_high<const N: usize>(self, other: Self) -> Self {
        U8x32(match N {
            1 => _mm256_unpackhi_epi8(self.0, other.0),
            2 => _mm256_unpackhi_epi16(self.0, other.0),
            4 => _mm256_unpackhi_epi32(self.0, other.0),
            _ => _mm256_unpackhi_epi64(self.0, other.0),
        })
    }

    #[inline(always)]
    unsafe fn add_32(self, other: Self) -> Self {
        U8x32(_mm256_add_epi32(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> F32x8 {
        F32x8(_mm256_cvtepi32_ps(self.0))
    }

    #[inline(always)]
    unsafe fn signed(self) -> Self {
        self
    }

    /// `vpmaddubsw` takes one factor without a sign and saturates: signed codes hand theirs to the activations, and two
    /// products of 128 and 127 stay below 2^15.
    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(self, codes: Self, x: Self) -> Self {
        let pairs = match SIGNED {
            true => _mm256_maddubs_epi16(_mm256_abs_epi8(codes.0), _mm256_sign_epi8(x.0, codes.0)),
            false => _mm256_maddubs_epi16(codes.0, x.0),
        };
        U8x32(_mm256_add_epi32(self.0, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))))
    }

    #[inline(always)]
    unsafe fn dot_two<S: Stored<Self>>([a, b]: [Self; 2], [x, y]: [Self; 2]) -> Self {
        match two_fit(S::MOST) {
            true => two_of([a, b], [x, y], U8x32(_mm256_set1_epi16(1))),
            false => S::dot(S::dot(Self::zero(), a, x), b, y),
        }
    }

    #[inline(always)]
    unsafe fn halves(rows: Rows, at: usize) -> F32x8 {
        F32x8(_mm256_cvtph_ps(eight_words(rows, 0, at)))
    }

    #[inline(always)]
    unsafe fn powers(rows: Rows, at: usize) -> F32x8 {
        let e = _mm256_and_si256(_mm256_cvtepu16_epi32(eight_words(rows, 0, at)), _mm256_set1_epi32(0xff));
        let normal = _mm256_sub_epi32(_mm256_slli_epi32::<23>(e), _mm256_set1_epi32(1 << 23));
        let subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(1 << 21), e);
        let is_normal = _mm256_cmpgt_epi32(e, _mm256_set1_epi32(1));
        F32x8(_mm256_castsi256_ps(_mm256_blendv_epi8(subnormal, normal, is_normal)))
    }

    #[inline(always)]
    unsafe fn group<S: Stored<Self>, const T: usize>(
        codes: [*const Self; STRIPS],
        x: [*const i8; T],
    ) -> [[Self; STRIPS]; T] {
        match group_fits(S::MOST, S::GROUP) {
            true => by_pairs::<T>(S::GROUP / 4, codes, x, [U8x32(_mm256_set1_epi16(1)); STRIPS]),
            false => by_dots::<Self, S, T>(opaque(S::GROUP / 4), codes, x),
        }
    }

    #[inline(always)]
    unsafe fn decode(dtype: DType, bytes: &[u8], to: &mut Codes) {
        unpack::decode_avx2(dtype, bytes, to);
    }
}

/// The two-byte words at `at` of the rows from `first` on, in a register: a load that meets eight stores of two bytes
/// would wait for them.
#[inline(always)]
pub(super) unsafe fn eight_words(rows: Rows, first: usize, at: usize) -> __m128i {
    let word = |row| i32::from(rows.row(first + row).add(at).cast::<u16>().read_unaligned());
    let words = _mm_cvtsi32_si128(word(0));
    let words = _mm_insert_epi16::<1>(words, word(1));
    let words = _mm_insert_epi16::<2>(words, word(2));
    let words = _mm_insert_epi16::<3>(words, word(3));
    let words = _mm_insert_epi16::<4>(words, word(4));
    let words = _mm_insert_epi16::<5>(words, word(5));
    let words = _mm_insert_epi16::<6>(words, word(6));
    _mm_insert_epi16::<7>(words, word(7))
}
