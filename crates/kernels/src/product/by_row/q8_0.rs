//! `Q8_0`: see [`crate::blocks`].

use std::arch::x86_64::*;

use super::inputs::{STEP, Step};
use super::{Stored, reduce};
use crate::vector::{F32x16, Vector};

const BLOCK: usize = 34;

pub(super) struct Q8_0;

/// Of what [`Q8_0::add`] has summed, lane `4 i + k` is group `4 k + [0, 2, 1, 3][i]`.
const TO_ORDER: [i32; 16] = [0, 8, 4, 12, 1, 9, 5, 13, 2, 10, 6, 14, 3, 11, 7, 15];

impl Stored for Q8_0 {
    type Sum = F32x16;
    const BYTES: usize = STEP / 32 * BLOCK;

    /// Registers of two blocks. The instruction takes codes from 0 to 255, so 128 is added to them.
    #[inline(always)]
    unsafe fn add<const T: usize>(mut sums: [F32x16; T], w: *const u8, x: Step) -> [F32x16; T] {
        let scale_words = _mm512_set1_epi32(17 << 16);
        let mut dots = [[_mm512_setzero_si512(); 8]; T];
        let mut scales = _mm512_setzero_si512();
        let mut k = 0;
        while k < 8 {
            let blocks = w.add(2 * BLOCK * k);
            let first = _mm512_castsi256_si512(_mm256_loadu_si256(blocks.add(2).cast()));
            let codes = _mm512_inserti64x4::<1>(first, _mm256_loadu_si256(blocks.add(BLOCK + 2).cast()));
            let codes = _mm512_xor_si512(codes, _mm512_set1_epi8(-128));
            let bytes = _mm512_loadu_si512(blocks.cast());
            scales = _mm512_mask_permutexvar_epi16(scales, 3 << (2 * k), scale_words, bytes);
            let mut t = 0;
            while t < T {
                dots[t][k] = _mm512_dpbusd_epi32(_mm512_setzero_si512(), codes, x.in_order(t, k));
                t += 1;
            }
            k += 1;
        }
        let scales = F32x16(_mm512_cvtph_ps(_mm512_castsi512_si256(scales)));
        let mut t = 0;
        while t < T {
            let [a, b, c, d, e, f, g, h] = dots[t];
            let (ab, cd) = (reduce::add_lanes(a, b), reduce::add_lanes(c, d));
            let (ef, gh) = (reduce::add_lanes(e, f), reduce::add_lanes(g, h));
            let dot = reduce::reorder(reduce::add_dwords([ab, cd, ef, gh]), TO_ORDER);
            let centred = F32x16::splat(-128.0).mul_add(x.sums(t), F32x16(_mm512_cvtepi32_ps(dot)));
            sums[t] = centred.mul_add(scales.mul(x.scales(t)), sums[t]);
            t += 1;
        }
        sums
    }
}
