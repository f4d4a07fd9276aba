//! `Q6_K`, 256 values in sixteen runs of 16. Each half of 128 has 64 bytes of nibbles and 32 of upper bit pairs. A value
//! is `(d * scale) * (q - 32)`, whose second product rounds once, as the reference does.

use std::arch::x86_64::*;

use super::{Q6K, Sink, Unpack, half_x8, half_x16, in_memory};
use crate::DType;
use crate::vector::{F32x8, F32x16, Vector};

const UPPER: usize = 128;
const SCALES: usize = 192;
const D: usize = 208;

/// The scale of each run, in units of a weight.
type Scales = [f32; 16];

impl Unpack<F32x8> for Q6K {
    type Shared = Scales;
    const PARTS: usize = 8;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q6_K
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Scales {
        let mut scales = [0.0; 16];
        let d = half_x8(src.add(D));
        let mut i = 0;
        while i < 16 {
            let codes = _mm256_cvtepi8_epi32(_mm_loadl_epi64(src.add(SCALES + i).cast()));
            F32x8(_mm256_cvtepi32_ps(codes)).mul(d).store(scales.as_mut_ptr().add(i));
            i += 8;
        }
        scales
    }

    /// Two runs.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, scales: &Scales, quarter: usize, sink: &mut impl Sink<F32x8>) {
        let codes = codes_of_quarter(src, quarter);
        let (first, second) = (_mm256_castsi256_si128(codes), _mm256_extracti128_si256::<1>(codes));
        let (a, b) = (F32x8::splat(scales[2 * quarter]), F32x8::splat(scales[2 * quarter + 1]));
        sink.put(4 * quarter, widen(first).mul(a));
        sink.put(4 * quarter + 1, widen(_mm_srli_si128::<8>(first)).mul(a));
        sink.put(4 * quarter + 2, widen(second).mul(b));
        sink.put(4 * quarter + 3, widen(_mm_srli_si128::<8>(second)).mul(b));
    }
}

/// The 32 codes, -32 to 31, of values `32 quarter ..`.
#[inline(always)]
pub(super) unsafe fn codes_of_quarter(src: *const u8, quarter: usize) -> __m256i {
    let (half, quarter) = (quarter / 4, quarter % 4);
    let nibbles = _mm256_loadu_si256(src.add(64 * half + 32 * (quarter % 2)).cast());
    let nibbles = if quarter < 2 { nibbles } else { _mm256_srli_epi16::<4>(nibbles) };
    let pairs = _mm256_loadu_si256(src.add(UPPER + 32 * half).cast());
    let pairs = match quarter {
        0 => _mm256_slli_epi16::<4>(pairs),
        1 => _mm256_slli_epi16::<2>(pairs),
        2 => pairs,
        _ => _mm256_srli_epi16::<2>(pairs),
    };
    let low = _mm256_and_si256(nibbles, _mm256_set1_epi8(0x0f));
    let high = _mm256_and_si256(pairs, _mm256_set1_epi8(0x30));
    _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(32))
}

#[inline(always)]
unsafe fn widen(codes: __m128i) -> F32x8 {
    F32x8(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)))
}

impl Unpack<F32x16> for Q6K {
    type Shared = Scales;
    const PARTS: usize = 4;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q6_K
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Scales {
        let mut scales = [0.0; 16];
        let codes = _mm512_cvtepi8_epi32(_mm_loadu_si128(src.add(SCALES).cast()));
        F32x16(_mm512_cvtepi32_ps(codes)).mul(half_x16(src.add(D))).store(scales.as_mut_ptr());
        scales
    }

    #[inline(always)]
    fn spill(scales: &Scales) -> &Scales {
        in_memory(scales)
    }

    /// Four runs. Of the four pairs of bits in each upper byte, values 0 to 31 of a half take the first, and so on.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, scales: &Scales, part: usize, sink: &mut impl Sink<F32x16>) {
        let half = part / 2;
        let nibbles = _mm512_loadu_si512(src.add(64 * half).cast());
        let pairs = _mm512_broadcast_i64x4(_mm256_loadu_si256(src.add(UPPER + 32 * half).cast()));
        let codes = match part % 2 {
            0 => join(nibbles, _mm512_sllv_epi64(pairs, _mm512_setr_epi64(4, 4, 4, 4, 2, 2, 2, 2))),
            _ => {
                let nibbles = _mm512_srli_epi16::<4>(nibbles);
                join(nibbles, _mm512_srlv_epi64(pairs, _mm512_setr_epi64(0, 0, 0, 0, 2, 2, 2, 2)))
            }
        };
        put_64(4 * part, codes, scales, sink);
    }
}

/// Bits 0 to 3 of `low` and 4 to 5 of `high`, byte by byte.
#[inline(always)]
unsafe fn join(low: __m512i, high: __m512i) -> __m512i {
    let high = _mm512_and_si512(high, _mm512_set1_epi8(0x30));
    _mm512_ternarylogic_epi64::<0b1111_1000>(high, low, _mm512_set1_epi8(0x0f)) // high | low & 15
}

/// Four registers from 64 codes of 0 to 63. A code set into the low byte of 2^23 makes the float `2^23 + code`.
#[inline(always)]
unsafe fn put_64(first: usize, codes: __m512i, scales: &Scales, sink: &mut impl Sink<F32x16>) {
    const TWO_23: f32 = 8_388_608.0;
    let base = _mm512_castps_si512(_mm512_set1_ps(TWO_23));
    let each_fourth = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut i = 0;
    while i < 4 {
        let from = _mm512_add_epi32(each_fourth, _mm512_set1_epi32(16 * i as i32));
        let floats = _mm512_mask_permutexvar_epi8(base, 0x1111_1111_1111_1111, from, codes);
        let centred = F32x16(_mm512_castsi512_ps(floats)).sub(F32x16::splat(TWO_23 + 32.0));
        sink.put(first + i, centred.mul(F32x16::splat(scales[first + i])));
        i += 1;
    }
}
