//! `IQ4_XS`: eight runs of 32 nibbles into the curve of `IQ4_NL`.

use std::arch::x86_64::*;

use super::block32::{look_up, nibbles, put};
use crate::blocks::{Codes, IQ4_LEVELS};
use crate::unpack::half_x8;

#[inline(always)]
pub(super) unsafe fn decode(src: *const u8, to: &mut Codes) {
    let mut run = 0;
    while run < 8 {
        put(look_up(&IQ4_LEVELS, nibbles(src.add(8 + 16 * run))), run, to);
        run += 1;
    }
    let run = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    let low = _mm256_set1_epi32(src.add(4).cast::<i32>().read_unaligned());
    let low = _mm256_and_si256(_mm256_srlv_epi32(low, _mm256_slli_epi32::<2>(run)), _mm256_set1_epi32(15));
    let high = _mm256_set1_epi32(i32::from(src.add(2).cast::<u16>().read_unaligned()) << 4);
    let high = _mm256_and_si256(_mm256_srlv_epi32(high, _mm256_slli_epi32::<1>(run)), _mm256_set1_epi32(0x30));
    let scales = _mm256_sub_epi32(_mm256_or_si256(low, high), _mm256_set1_epi32(32));
    let scales = _mm256_mul_ps(_mm256_cvtepi32_ps(scales), half_x8(src).0);
    _mm256_storeu_ps(to.scales.as_mut_ptr(), scales);
}
