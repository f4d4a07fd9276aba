//! The ternary types.

use std::arch::x86_64::*;

use super::block32::put;
use super::k::two_bits;
use crate::blocks::Codes;
use crate::unpack::half_x8;

/// The top digit of each byte, less one: digits are thirds of 256, which begin at 86 and 171.
#[inline(always)]
unsafe fn top_digits(bytes: __m256i) -> __m256i {
    let (first, second) = (_mm256_set1_epi8(86), _mm256_set1_epi8(171_u8 as i8));
    let not_below_first = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, first), bytes);
    let not_below_second = _mm256_cmpeq_epi8(_mm256_max_epu8(bytes, second), bytes);
    let minus_ones = _mm256_add_epi8(not_below_first, not_below_second);
    _mm256_sub_epi8(_mm256_set1_epi8(-1), minus_ones)
}

/// The next digit to the top.
#[inline(always)]
unsafe fn tripled(bytes: __m256i) -> __m256i {
    _mm256_add_epi8(_mm256_add_epi8(bytes, bytes), bytes)
}

#[inline(always)]
pub(super) unsafe fn tq1_0(src: *const u8, to: &mut Codes) {
    let mut bytes = _mm256_loadu_si256(src.cast());
    let mut digit = 0;
    while digit < 5 {
        put(top_digits(bytes), digit, to);
        bytes = tripled(bytes);
        digit += 1;
    }
    // Sixteen bytes of five digits in the low halves; the last sixteen codes are four bytes of four digits.
    let mut bytes = _mm256_zextsi128_si256(_mm_loadu_si128(src.add(32).cast()));
    let mut digit = 0;
    while digit < 5 {
        let codes = _mm256_castsi256_si128(top_digits(bytes));
        _mm_storeu_si128(to.codes.as_mut_ptr().add(160 + 16 * digit).cast(), codes);
        bytes = tripled(bytes);
        digit += 1;
    }
    let first = _mm256_castsi128_si256(_mm_cvtsi32_si128(src.add(48).cast::<i32>().read_unaligned()));
    let second = tripled(first);
    let third = tripled(second);
    let pairs = (_mm256_unpacklo_epi32(first, second), _mm256_unpacklo_epi32(third, tripled(third)));
    let codes = _mm256_castsi256_si128(top_digits(_mm256_unpacklo_epi64(pairs.0, pairs.1)));
    _mm_storeu_si128(to.codes.as_mut_ptr().add(240).cast(), codes);
    _mm256_storeu_ps(to.scales.as_mut_ptr(), half_x8(src.add(52)).0);
}

#[inline(always)]
pub(super) unsafe fn tq2_0(src: *const u8, to: &mut Codes) {
    let mut plane = 0;
    while plane < 8 {
        put(_mm256_sub_epi8(two_bits(src, plane), _mm256_set1_epi8(1)), plane, to);
        plane += 1;
    }
    _mm256_storeu_ps(to.scales.as_mut_ptr(), half_x8(src.add(64)).0);
}
