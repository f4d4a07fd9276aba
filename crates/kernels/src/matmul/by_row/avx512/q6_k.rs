//! `Q6_K`: see [`crate::blocks`]. Each half of 128 values has 64 bytes of nibbles and 32 of upper bit pairs.

use std::arch::x86_64::*;

use super::inputs::Step;
use super::{Stored, reduce};
use crate::vector::{F32x16, Vector};

const UPPER: usize = 128;
const SCALES: usize = 192;
const D: usize = 208;
const BLOCK: usize = 210;

pub(super) struct Q6K;

impl Stored for Q6K {
    type Sum = F32x16;
    const BYTES: usize = 2 * BLOCK;

    /// Registers of 64 values in order: each 128 bits are a group of 16.
    #[inline(always)]
    unsafe fn add<const T: usize>(mut sums: [F32x16; T], w: *const u8, x: Step) -> [F32x16; T] {
        let scales = _mm256_castsi128_si256(_mm_loadu_si128(w.add(SCALES).cast()));
        let scales = _mm256_inserti128_si256::<1>(scales, _mm_loadu_si128(w.add(BLOCK + SCALES).cast()));
        let scales = _mm512_cvtepi8_epi16(scales);
        let mut scaled = [[_mm512_setzero_si512(); 4]; T];
        let mut half = 0;
        while half < 4 {
            let block = w.add(half / 2 * BLOCK);
            let [low, high] = codes_of_half(block.add(64 * (half % 2)), block.add(UPPER + 32 * (half % 2)));
            let scales = scales_of_half(scales, half);
            let mut t = 0;
            while t < T {
                // Four products of at most 63 · 127 to a lane: they fit 16 bits.
                let first = _mm512_dpbusd_epi32(_mm512_setzero_si512(), low, x.in_order(t, 2 * half));
                let second = _mm512_dpbusd_epi32(_mm512_setzero_si512(), high, x.in_order(t, 2 * half + 1));
                scaled[t][half] = _mm512_madd_epi16(reduce::pack(first, second), scales);
                t += 1;
            }
            half += 1;
        }
        let d = scales_of_blocks(w);
        let mut t = 0;
        while t < T {
            // A code is 32 more than what it says.
            let offset = _mm512_slli_epi32::<5>(_mm512_madd_epi16(scales, x.half_sums(t)));
            let scaled = _mm512_sub_epi32(sums_of_groups(scaled[t]), offset);
            sums[t] = F32x16(_mm512_cvtepi32_ps(scaled)).mul_add(d.mul(x.scales(t)), sums[t]);
            t += 1;
        }
        sums
    }
}

/// The codes of 128 values, in order.
#[inline(always)]
unsafe fn codes_of_half(nibbles: *const u8, upper: *const u8) -> [__m512i; 2] {
    let (low_bits, pairs) = (_mm512_set1_epi8(15), _mm512_set1_epi8(0x30));
    let nibbles = _mm512_loadu_si512(nibbles.cast());
    let upper = _mm512_broadcast_i64x4(_mm256_loadu_si256(upper.cast()));
    // Bits 0 and 1 belong to the first 32 values, 2 and 3 to the next, and so on.
    let first = _mm512_sllv_epi16(upper, _mm512_inserti64x4::<1>(_mm512_set1_epi16(4), _mm256_set1_epi16(2)));
    let second = _mm512_srlv_epi16(upper, _mm512_inserti64x4::<1>(_mm512_setzero_si512(), _mm256_set1_epi16(2)));
    let low = _mm512_and_si512(nibbles, low_bits);
    let high = _mm512_and_si512(_mm512_srli_epi16::<4>(nibbles), low_bits);
    [_mm512_or_si512(low, _mm512_and_si512(first, pairs)), _mm512_or_si512(high, _mm512_and_si512(second, pairs))]
}

/// The scale of each group's block.
#[inline(always)]
unsafe fn scales_of_blocks(w: *const u8) -> F32x16 {
    let first = w.add(D).cast::<u16>().read_unaligned();
    let second = w.add(BLOCK + D).cast::<u16>().read_unaligned();
    let both = _mm_cvtph_ps(_mm_cvtsi32_si128(i32::from_le_bytes([
        first as u8,
        (first >> 8) as u8,
        second as u8,
        (second >> 8) as u8,
    ])));
    let block = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1);
    F32x16(_mm512_permutexvar_ps(block, _mm512_castps128_ps512(both)))
}

/// Of 128 values the scales of the groups, as [`reduce::pack`] puts their lanes: within 128 bits four times that of group
/// `8 half + i`, four times that of group `8 half + 4 + i`.
#[inline(always)]
unsafe fn scales_of_half(scales: __m512i, half: usize) -> __m512i {
    let groups = _mm512_add_epi16(_mm512_loadu_si512(GROUPS.as_ptr().cast()), _mm512_set1_epi16(8 * half as i16));
    _mm512_permutexvar_epi16(groups, scales)
}

/// Of each 32 values, the sum over both of its groups, which have two lanes each.
#[inline(always)]
unsafe fn sums_of_groups([a, b, c, d]: [__m512i; 4]) -> __m512i {
    let (first, second) = (reduce::add_lanes(a, b), reduce::add_lanes(c, d));
    let (first, second) = (_mm512_castsi512_ps(first), _mm512_castsi512_ps(second));
    let even = _mm512_castps_si512(_mm512_shuffle_ps::<0b10_00_10_00>(first, second));
    let odd = _mm512_castps_si512(_mm512_shuffle_ps::<0b11_01_11_01>(first, second));
    reduce::reorder(_mm512_add_epi32(even, odd), TO_ORDER)
}

static GROUPS: [i16; 32] = {
    let mut groups = [0; 32];
    let mut lane = 0;
    while lane < 32 {
        groups[lane] = lane as i16 / 8 + lane as i16 % 8 / 4 * 4;
        lane += 1;
    }
    groups
};

/// Lane `4 i + 2 u + s` of the sums is 32 values of register `2 (2 u + i % 2) + s`, its upper half where `i` is 2 or 3: the
/// lane of each 32 values.
const TO_ORDER: [i32; 16] = {
    let mut lanes = [0; 16];
    let mut lane = 0;
    while lane < 16 {
        let (i, u, s) = (lane / 4, lane / 2 % 2, lane % 2);
        lanes[2 * (2 * (2 * u + i % 2) + s) + i / 2] = lane as i32;
        lane += 1;
    }
    lanes
};
