//! Sums of the lanes of dot products, onto a register with a lane for each group.

use std::arch::x86_64::*;

/// Signed 32-bit lanes, at most 16 bits wide, of `a` and `b` as 16-bit lanes: within each 128 bits four of `a`, four of
/// `b`.
#[inline(always)]
pub(super) unsafe fn pack(a: __m512i, b: __m512i) -> __m512i {
    _mm512_packs_epi32(a, b)
}

/// The sums of neighbours.
#[inline(always)]
pub(super) unsafe fn add_pairs(words: __m512i) -> __m512i {
    _mm512_madd_epi16(words, _mm512_set1_epi16(1))
}

/// Of the 128-bit lanes of `a` and `b` the sums of neighbours: `a0 + a1, b0 + b1, a2 + a3, b2 + b3`.
#[inline(always)]
pub(super) unsafe fn add_lanes(a: __m512i, b: __m512i) -> __m512i {
    let straight = _mm512_mask_blend_epi64(0b1100_1100, a, b);
    let crossed = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 8, 9, 6, 7, 12, 13), b);
    _mm512_add_epi32(straight, crossed)
}

/// Of each 128 bits of four registers the sums of their 32-bit lanes, side by side.
#[inline(always)]
pub(super) unsafe fn add_dwords([a, b, c, d]: [__m512i; 4]) -> __m512i {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
}

/// `from[l]` says which lane comes to lane `l`.
#[inline(always)]
pub(super) unsafe fn reorder(lanes: __m512i, from: [i32; 16]) -> __m512i {
    _mm512_permutexvar_epi32(_mm512_loadu_si512(from.as_ptr().cast()), lanes)
}
