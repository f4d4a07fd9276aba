//! `Q4_0`: see [`crate::blocks`]; the second sixteen values of a block lie in the high nibbles.

use std::arch::x86_64::*;

use super::inputs::{STEP, Step};
use super::{Stored, reduce};
use crate::vector::{F32x16, Vector};

const BLOCK: usize = 18;

pub(super) struct Q4_0;

/// Where the nibbles of three blocks lie in what is loaded from the first one on; the fourth's reach beyond it.
static NIBBLES: [u8; 64] = {
    let mut from = [0; 64];
    let mut i = 0;
    while i < 48 {
        from[i] = (i / 16 * BLOCK + 2 + i % 16) as u8;
        i += 1;
    }
    from
};

/// Lane `l` of a step has group `l`; of what [`Q4_0::add`] has summed, lane `4 i + k` is group `4 k + i`.
const TO_ORDER: [i32; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

impl Stored for Q4_0 {
    type Sum = F32x16;
    const BYTES: usize = STEP / 32 * BLOCK;

    /// Registers of four blocks: each 128 bits are one.
    #[inline(always)]
    unsafe fn add<const T: usize>(mut sums: [F32x16; T], w: *const u8, x: Step) -> [F32x16; T] {
        let low_bits = _mm512_set1_epi8(15);
        let scale_words = _mm512_set1_epi64(i64::from_le_bytes([0, 0, 9, 0, 18, 0, 27, 0]));
        let nibbles = _mm512_loadu_si512(NIBBLES.as_ptr().cast());
        let mut dots = [[_mm512_setzero_si512(); 4]; T];
        let mut scales = _mm512_setzero_si512();
        let mut k = 0;
        while k < 4 {
            let blocks = w.add(4 * BLOCK * k);
            let bytes = _mm512_loadu_si512(blocks.cast());
            let fourth = _mm_loadu_si128(blocks.add(3 * BLOCK + 2).cast());
            let packed = _mm512_permutexvar_epi8(nibbles, bytes);
            let packed = _mm512_mask_broadcast_i32x4(packed, 0xf000, fourth);
            scales = _mm512_mask_permutexvar_epi16(scales, 0xf << (4 * k), scale_words, bytes);
            let low = _mm512_and_si512(packed, low_bits);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(packed), low_bits);
            let mut t = 0;
            while t < T {
                let dot = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low, x.split(t, 2 * k));
                dots[t][k] = _mm512_dpbusd_epi32(dot, high, x.split(t, 2 * k + 1));
                t += 1;
            }
            k += 1;
        }
        let scales = F32x16(_mm512_cvtph_ps(_mm512_castsi512_si256(scales)));
        let mut t = 0;
        while t < T {
            // Eight products of at most 15 · 127 to a lane, then sixteen: they fit 16 bits.
            let [a, b, c, d] = dots[t];
            let (ab, cd) = (reduce::add_pairs(reduce::pack(a, b)), reduce::add_pairs(reduce::pack(c, d)));
            let dot = reduce::reorder(reduce::add_pairs(reduce::pack(ab, cd)), TO_ORDER);
            let centred = F32x16::splat(-8.0).mul_add(x.sums(t), F32x16(_mm512_cvtepi32_ps(dot)));
            sums[t] = centred.mul_add(scales.mul(x.scales(t)), sums[t]);
            t += 1;
        }
        sums
    }
}
