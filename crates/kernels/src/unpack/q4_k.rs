//! `Q4_K`, 256 values in eight runs of 32; a pair of runs shares 32 bytes, low nibbles and high. `scale * q` is exact in
//! f32, so that the fused subtraction of the minimum rounds as the reference does.

use std::arch::x86_64::*;

use super::{Q4K, Sink, Unpack, half_x8, in_memory};
use crate::DType;
use crate::vector::{F32x8, F32x16, Vector};

/// Scale and minimum of each run, in units of a weight.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Runs {
    scales: [f32; 8],
    mins: [f32; 8],
}

/// The eight 6-bit scales, then the eight minima, a byte each: see [`crate::blocks`], `k_scales`.
#[inline(always)]
pub(super) unsafe fn codes_of_runs(header: __m128i) -> __m128i {
    let low = _mm_setr_epi8(4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15);
    let low = _mm_srlv_epi32(_mm_shuffle_epi8(header, low), _mm_setr_epi32(0, 0, 0, 4));
    let low = _mm_and_si128(low, _mm_setr_epi32(0x3f3f3f3f, 0x0f0f0f0f, 0x3f3f3f3f, 0x0f0f0f0f));
    let high = _mm_setr_epi8(-1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11);
    let high = _mm_srli_epi32::<2>(_mm_shuffle_epi8(header, high));
    _mm_or_si128(low, _mm_and_si128(high, _mm_set1_epi8(0x30)))
}

impl Unpack<F32x8> for Q4K {
    type Shared = Runs;
    const PARTS: usize = 8;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_K
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Runs {
        let codes = codes_of_runs(_mm_loadu_si128(src.cast()));
        let mut runs = Runs { scales: [0.0; 8], mins: [0.0; 8] };
        widen(codes).mul(half_x8(src)).store(runs.scales.as_mut_ptr());
        widen(_mm_srli_si128::<8>(codes)).mul(half_x8(src.add(2))).store(runs.mins.as_mut_ptr());
        runs
    }

    /// A run.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, runs: &Runs, run: usize, sink: &mut impl Sink<F32x8>) {
        let (scale, min) = (_mm256_set1_ps(runs.scales[run]), _mm256_set1_ps(runs.mins[run]));
        let mut i = 0;
        while i < 4 {
            let bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(src.add(16 + run / 2 * 32 + i * 8).cast()));
            let codes = match run % 2 {
                0 => _mm256_and_si256(bytes, _mm256_set1_epi32(15)),
                _ => _mm256_srli_epi32::<4>(bytes),
            };
            sink.put(4 * run + i, F32x8(_mm256_fmsub_ps(_mm256_cvtepi32_ps(codes), scale, min)));
            i += 1;
        }
    }
}

#[inline(always)]
unsafe fn widen(codes: __m128i) -> F32x8 {
    F32x8(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(codes)))
}

impl Unpack<F32x16> for Q4K {
    type Shared = Runs;
    const PARTS: usize = 4;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_K
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Runs {
        let header = _mm_loadu_si128(src.cast());
        let codes = F32x16(_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(codes_of_runs(header))));
        let d_and_dmin = _mm512_castps128_ps512(_mm_cvtph_ps(header));
        let units =
            _mm512_permutexvar_ps(_mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), d_and_dmin);
        let mut runs = Runs { scales: [0.0; 8], mins: [0.0; 8] };
        codes.mul(F32x16(units)).store((&raw mut runs).cast());
        runs
    }

    #[inline(always)]
    fn spill(runs: &Runs) -> &Runs {
        in_memory(runs)
    }

    /// A pair of runs. The sixteen possible values of each are a register; a permutation by the low four bits of each
    /// lane looks them up.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, runs: &Runs, pair: usize, sink: &mut impl Sink<F32x16>) {
        let bytes = src.add(16 + pair * 32);
        let first = _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.cast()));
        let second = _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.add(16).cast()));
        let (low, high) = (table(runs, 2 * pair), table(runs, 2 * pair + 1));
        sink.put(4 * pair, F32x16(_mm512_permutexvar_ps(first, low)));
        sink.put(4 * pair + 1, F32x16(_mm512_permutexvar_ps(second, low)));
        sink.put(4 * pair + 2, F32x16(_mm512_permutexvar_ps(_mm512_srli_epi32::<4>(first), high)));
        sink.put(4 * pair + 3, F32x16(_mm512_permutexvar_ps(_mm512_srli_epi32::<4>(second), high)));
    }
}

#[inline(always)]
unsafe fn table(runs: &Runs, run: usize) -> __m512 {
    let codes = _mm512_setr_ps(0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.);
    _mm512_fmsub_ps(codes, _mm512_set1_ps(runs.scales[run]), _mm512_set1_ps(runs.mins[run]))
}
