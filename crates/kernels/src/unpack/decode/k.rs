//! The K types, 256 codes of 2 to 6 bits in planes of 32.

use std::arch::x86_64::*;

use super::block32::put;
use crate::blocks::Codes;
use crate::unpack::half_x8;
use crate::unpack::q4_k::codes_of_runs;
use crate::unpack::q6_k::codes_of_quarter;

#[inline(always)]
unsafe fn load(src: *const u8) -> __m256i {
    _mm256_loadu_si256(src.cast())
}

/// Plane `plane` of 32 codes of 2 bits; four planes lie in 32 bytes.
#[inline(always)]
pub(super) unsafe fn two_bits(src: *const u8, plane: usize) -> __m256i {
    let packed = load(src.add(plane / 4 * 32));
    let shifted = match plane % 4 {
        0 => packed,
        1 => _mm256_srli_epi16::<2>(packed),
        2 => _mm256_srli_epi16::<4>(packed),
        _ => _mm256_srli_epi16::<6>(packed),
    };
    _mm256_and_si256(shifted, _mm256_set1_epi8(3))
}

/// Bit `plane` of each byte as `1 << TO`.
#[inline(always)]
unsafe fn bit<const TO: i32>(bytes: __m256i, plane: usize) -> __m256i {
    let shifted = match plane as i32 - TO {
        -4 => _mm256_slli_epi16::<4>(bytes),
        -3 => _mm256_slli_epi16::<3>(bytes),
        -2 => _mm256_slli_epi16::<2>(bytes),
        -1 => _mm256_slli_epi16::<1>(bytes),
        0 => bytes,
        1 => _mm256_srli_epi16::<1>(bytes),
        2 => _mm256_srli_epi16::<2>(bytes),
        3 => _mm256_srli_epi16::<3>(bytes),
        4 => _mm256_srli_epi16::<4>(bytes),
        _ => _mm256_srli_epi16::<5>(bytes),
    };
    _mm256_and_si256(shifted, _mm256_set1_epi8(1 << TO))
}

/// Eight bytes, signed, times `unit`.
#[inline(always)]
unsafe fn put_scales(codes: __m128i, unit: __m256, to: *mut f32) {
    _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)), unit));
}

/// Sixteen bytes, signed, times `unit`.
#[inline(always)]
unsafe fn put_16_scales(codes: __m128i, unit: __m256, to: *mut f32) {
    put_scales(codes, unit, to);
    put_scales(_mm_srli_si128::<8>(codes), unit, to.add(8));
}

#[inline(always)]
unsafe fn negated(unit: __m256) -> __m256 {
    _mm256_xor_ps(unit, _mm256_set1_ps(-0.0))
}

#[inline(always)]
pub(super) unsafe fn q2_k(src: *const u8, to: &mut Codes) {
    let mut plane = 0;
    while plane < 8 {
        put(two_bits(src.add(16), plane), plane, to);
        plane += 1;
    }
    let (packed, low) = (_mm_loadu_si128(src.cast()), _mm_set1_epi8(15));
    put_16_scales(_mm_and_si128(packed, low), half_x8(src.add(80)).0, to.scales.as_mut_ptr());
    let mins = _mm_and_si128(_mm_srli_epi16::<4>(packed), low);
    put_16_scales(mins, negated(half_x8(src.add(82)).0), to.offsets.as_mut_ptr());
}

/// A clear third bit takes 4 off.
#[inline(always)]
pub(super) unsafe fn q3_k(src: *const u8, to: &mut Codes) {
    let clear = _mm256_xor_si256(load(src), _mm256_set1_epi8(-1));
    let mut plane = 0;
    while plane < 8 {
        put(_mm256_sub_epi8(two_bits(src.add(32), plane), bit::<2>(clear, plane)), plane, to);
        plane += 1;
    }
    let nibbles = _mm_loadl_epi64(src.add(96).cast());
    let nibbles = _mm_unpacklo_epi64(nibbles, _mm_srli_epi16::<4>(nibbles));
    let upper = _mm_set1_epi32(src.add(104).cast::<i32>().read_unaligned());
    let upper = _mm_and_si128(_mm_srlv_epi32(upper, _mm_setr_epi32(0, 2, 4, 6)), _mm_set1_epi8(3));
    let scales = _mm_or_si128(_mm_and_si128(nibbles, _mm_set1_epi8(15)), _mm_slli_epi16::<4>(upper));
    let scales = _mm_sub_epi8(scales, _mm_set1_epi8(32));
    put_16_scales(scales, half_x8(src.add(108)).0, to.scales.as_mut_ptr());
}

/// Scales and offsets of `Q4_K` and `Q5_K`.
#[inline(always)]
unsafe fn put_affine(src: *const u8, to: &mut Codes) {
    let codes = codes_of_runs(_mm_loadu_si128(src.cast()));
    put_scales(codes, half_x8(src).0, to.scales.as_mut_ptr());
    put_scales(_mm_srli_si128::<8>(codes), negated(half_x8(src.add(2)).0), to.offsets.as_mut_ptr());
}

/// Run `run` of 32 nibbles; a pair of runs shares 32 bytes.
#[inline(always)]
unsafe fn nibbles_of_run(src: *const u8, run: usize) -> __m256i {
    let packed = load(src.add(run / 2 * 32));
    let shifted = if run.is_multiple_of(2) { packed } else { _mm256_srli_epi16::<4>(packed) };
    _mm256_and_si256(shifted, _mm256_set1_epi8(15))
}

#[inline(always)]
pub(super) unsafe fn q4_k(src: *const u8, to: &mut Codes) {
    let mut run = 0;
    while run < 8 {
        put(nibbles_of_run(src.add(16), run), run, to);
        run += 1;
    }
    put_affine(src, to);
}

#[inline(always)]
pub(super) unsafe fn q5_k(src: *const u8, to: &mut Codes) {
    let fifths = load(src.add(16));
    let mut run = 0;
    while run < 8 {
        put(_mm256_or_si256(nibbles_of_run(src.add(48), run), bit::<4>(fifths, run)), run, to);
        run += 1;
    }
    put_affine(src, to);
}

#[inline(always)]
pub(super) unsafe fn q6_k(src: *const u8, to: &mut Codes) {
    let mut quarter = 0;
    while quarter < 8 {
        put(codes_of_quarter(src, quarter), quarter, to);
        quarter += 1;
    }
    put_16_scales(_mm_loadu_si128(src.add(192).cast()), half_x8(src.add(208)).0, to.scales.as_mut_ptr());
}
