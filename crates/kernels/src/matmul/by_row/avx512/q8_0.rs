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
        let mut dots = [[_mm512_setzero_si512(); 4]; T];
        let mut scales = _mm512_setzero_si512();
        let mut k = 0;
        while k < 4 {
            let (first, second) = (w.add(4 * BLOCK * k), w.add(4 * BLOCK * k + 2 * BLOCK));
            let codes = [two_blocks(first), two_blocks(second)];
            let bytes = [_mm512_loadu_si512(first.cast()), _mm512_loadu_si512(second.cast())];
            scales = _mm512_mask_permutexvar_epi16(scales, 3 << (4 * k), scale_words, bytes[0]);
            scales = _mm512_mask_permutexvar_epi16(scales, 12 << (4 * k), scale_words, bytes[1]);
            let mut t = 0;
            while t < T {
                let a = _mm512_dpbusd_epi32(_mm512_setzero_si512(), codes[0], x.in_order(t, 2 * k));
                let b = _mm512_dpbusd_epi32(_mm512_setzero_si512(), codes[1], x.in_order(t, 2 * k + 1));
                dots[t][k] = reduce::add_lanes(a, b);
                t += 1;
            }
            k += 1;
        }
        let scales = F32x16(_mm512_cvtph_ps(_mm512_castsi512_si256(scales)));
        let mut t = 0;
        while t < T {
            let dot = reduce::reorder(reduce::add_dwords(dots[t]), TO_ORDER);
            let centred = F32x16::splat(-128.0).mul_add(x.sums(t), F32x16(_mm512_cvtepi32_ps(dot)));
            sums[t] = centred.mul_add(scales.mul(x.scales(t)), sums[t]);
            t += 1;
        }
        sums
    }
}

/// The codes of two blocks, 128 added.
#[inline(always)]
unsafe fn two_blocks(blocks: *const u8) -> __m512i {
    let first = _mm512_castsi256_si512(_mm256_loadu_si256(blocks.add(2).cast()));
    let codes = _mm512_inserti64x4::<1>(first, _mm256_loadu_si256(blocks.add(BLOCK + 2).cast()));
    _mm512_xor_si512(codes, _mm512_set1_epi8(-128))
}
