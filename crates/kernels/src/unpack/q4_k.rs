//! `Q4_K`, 256 values in eight runs of 32; a pair of runs shares 32 bytes, low nibbles and high. `scale * q` is exact in
//! f32, so that the fused subtraction of the minimum rounds as the reference does.

use std::arch::x86_64::*;

use super::{Sink, Unpack, half_x8, in_memory};
use crate::DType;
use crate::blocks::k_scales;
use crate::vector::{F32x8, F32x16, Vector};

#[derive(Clone, Copy)]
pub(crate) struct Q4K;

/// Scale and minimum of each run, in units of a weight.
#[derive(Clone, Copy)]
pub(crate) struct Runs {
    scales: [f32; 8],
    mins: [f32; 8],
}

#[inline(always)]
unsafe fn runs(src: *const u8) -> Runs {
    let codes = k_scales(&*src.add(4).cast::<[u8; 12]>());
    let mut runs = Runs { scales: [0.0; 8], mins: [0.0; 8] };
    widen(&codes.scales).mul(half_x8(src)).store(runs.scales.as_mut_ptr());
    widen(&codes.mins).mul(half_x8(src.add(2))).store(runs.mins.as_mut_ptr());
    runs
}

#[inline(always)]
unsafe fn widen(codes: &[u8; 8]) -> F32x8 {
    F32x8(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(codes.as_ptr().cast()))))
}

impl Unpack<F32x8> for Q4K {
    type Shared = Runs;
    const PARTS: usize = 8;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_K
    }

    #[inline(always)]
    unsafe fn open(self, src: *const u8) -> Runs {
        runs(src)
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

impl Unpack<F32x16> for Q4K {
    type Shared = Runs;
    const PARTS: usize = 4;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_K
    }

    #[inline(always)]
    unsafe fn open(self, src: *const u8) -> Runs {
        runs(src)
    }

    /// A pair of runs. The sixteen possible values of each are a register; a permutation by the low four bits of each
    /// lane looks them up.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, runs: &Runs, pair: usize, sink: &mut impl Sink<F32x16>) {
        let runs = in_memory(runs);
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
