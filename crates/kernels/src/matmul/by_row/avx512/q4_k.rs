//! `Q4_K`: see [`crate::blocks`]; a pair of groups shares 32 bytes, low nibbles and high.

use std::arch::x86_64::*;

use super::inputs::Step;
use super::{Stored, reduce};
use crate::vector::{F32x16, Vector};

const BLOCK: usize = 144;

pub(super) struct Q4K;

impl Stored for Q4K {
    type Sum = F32x16;
    const BYTES: usize = 2 * BLOCK;

    /// Registers of the same half of four pairs of groups.
    #[inline(always)]
    unsafe fn add<const T: usize>(mut sums: [F32x16; T], w: *const u8, x: Step) -> [F32x16; T] {
        let low_bits = _mm512_set1_epi8(15);
        let mut dots = [[_mm512_setzero_si512(); 4]; T];
        let mut b = 0;
        while b < 2 {
            let codes = w.add(b * BLOCK + 16);
            let (ab, cd) = (_mm512_loadu_si512(codes.cast()), _mm512_loadu_si512(codes.add(64).cast()));
            let halves = [_mm512_shuffle_i32x4::<0b10_00_10_00>(ab, cd), _mm512_shuffle_i32x4::<0b11_01_11_01>(ab, cd)];
            let mut half = 0;
            while half < 2 {
                let low = _mm512_and_si512(halves[half], low_bits);
                let high = _mm512_and_si512(_mm512_srli_epi16::<4>(halves[half]), low_bits);
                let mut t = 0;
                while t < T {
                    let [even, odd] = [x.paired(t, 4 * b + half), x.paired(t, 4 * b + 2 + half)];
                    dots[t][2 * b] = _mm512_dpbusd_epi32(dots[t][2 * b], low, even);
                    dots[t][2 * b + 1] = _mm512_dpbusd_epi32(dots[t][2 * b + 1], high, odd);
                    t += 1;
                }
                half += 1;
            }
            b += 1;
        }
        let Headers { d, dmin, scales, minima } = Headers::read(w);
        let mut t = 0;
        while t < T {
            // Eight products of at most 15 · 127 to a lane, then sixteen, which fit 16 bits, times 63.
            let [a, b, c, e] = dots[t];
            let (first, second) = (reduce::add_pairs(reduce::pack(a, b)), reduce::add_pairs(reduce::pack(c, e)));
            let scaled = _mm512_madd_epi16(reduce::pack(first, second), scales);
            let scaled = F32x16(_mm512_cvtepi32_ps(reduce::reorder(scaled, TO_ORDER)));
            let sum = scaled.mul_add(d.mul(x.scales(t)), sums[t]);
            sums[t] = minima.mul_add(dmin.mul(x.moments(t)), sum);
            t += 1;
        }
        sums
    }
}

/// What two blocks say of their groups.
struct Headers {
    /// The scale of each group's block, and of its minimum, negated.
    d: F32x16,
    dmin: F32x16,
    /// 16 bits, twice for each group, in the order of [`LANE`].
    scales: __m512i,
    minima: F32x16,
}

/// Lane `4 i + 2 b + h` of the dot products is group `2 i + h` of block `b`: the group of each lane.
const LANE: [usize; 16] = {
    let mut group = [0; 16];
    let mut lane = 0;
    while lane < 16 {
        group[lane] = lane / 2 % 2 * 8 + lane / 4 * 2 + lane % 2;
        lane += 1;
    }
    group
};

/// The lane of each group.
const TO_ORDER: [i32; 16] = {
    let mut lanes = [0; 16];
    let mut lane = 0;
    while lane < 16 {
        lanes[LANE[lane]] = lane as i32;
        lane += 1;
    }
    lanes
};

/// How the sixteen scales and sixteen minima of two blocks, a byte each, come out of their headers, of 16 bytes each: a
/// byte, the bit from which it is read, and which of its bits count; then the same of the two upper bits of those groups
/// that have them elsewhere. See `k_scales` in [`crate::blocks`].
struct Fields {
    low: [u8; 32],
    low_bit: [u8; 32],
    low_mask: [u8; 32],
    high: [u8; 32],
    high_bit: [u8; 32],
    high_mask: [u8; 32],
}

static FIELDS: Fields = {
    let zero = [0; 32];
    let mut fields = Fields { low: zero, low_bit: zero, low_mask: zero, high: zero, high_bit: zero, high_mask: zero };
    let mut i = 0;
    while i < 32 {
        let (minimum, header, j) = (i / 16, i % 16 / 8 * 16 + 4, i % 8);
        let late = j / 4;
        fields.low[i] = match (minimum, late) {
            (0, 0) => header + j,
            _ => header + j + 4,
        } as u8;
        fields.low_bit[i] = (8 * (i % 8) + 4 * minimum * late) as u8;
        fields.low_mask[i] = if late == 1 { 15 } else { 63 };
        fields.high[i] = (header + j - 4 * late + 4 * minimum * late) as u8;
        fields.high_bit[i] = (8 * (i % 8) + 2) as u8;
        fields.high_mask[i] = if late == 1 { 0x30 } else { 0 };
        i += 1;
    }
    fields
};

/// Bytes of a [`Headers::read`] register of scales that come to 16-bit lanes, twice for each lane of dot products.
static SCALE_BYTES: [u8; 64] = {
    let mut from = [0; 64];
    let mut i = 0;
    while i < 64 {
        from[i] = LANE[i / 4] as u8;
        i += 1;
    }
    from
};

/// Bytes of the same register that come to 32-bit lanes: minima.
static MINIMUM_BYTES: [u8; 64] = {
    let mut from = [0; 64];
    let mut i = 0;
    while i < 64 {
        from[i] = 16 + i as u8 / 4;
        i += 1;
    }
    from
};

#[inline(always)]
unsafe fn load(field: &[u8; 32]) -> __m256i {
    _mm256_loadu_si256(field.as_ptr().cast())
}

impl Headers {
    #[inline(always)]
    unsafe fn read(w: *const u8) -> Headers {
        let headers = _mm256_castsi128_si256(_mm_loadu_si128(w.cast()));
        let headers = _mm256_inserti128_si256::<1>(headers, _mm_loadu_si128(w.add(BLOCK).cast()));
        let low = _mm256_permutexvar_epi8(load(&FIELDS.low), headers);
        let low = _mm256_multishift_epi64_epi8(load(&FIELDS.low_bit), low);
        let high = _mm256_permutexvar_epi8(load(&FIELDS.high), headers);
        let high = _mm256_multishift_epi64_epi8(load(&FIELDS.high_bit), high);
        let high = _mm256_and_si256(high, load(&FIELDS.high_mask));
        let bytes = _mm256_or_si256(_mm256_and_si256(low, load(&FIELDS.low_mask)), high);
        let bytes = _mm512_castsi256_si512(bytes);
        let scale_bytes = _mm512_loadu_si512(SCALE_BYTES.as_ptr().cast());
        let minimum_bytes = _mm512_loadu_si512(MINIMUM_BYTES.as_ptr().cast());
        let scales = _mm512_maskz_permutexvar_epi8(0x5555_5555_5555_5555, scale_bytes, bytes);
        let minima = _mm512_maskz_permutexvar_epi8(0x1111_1111_1111_1111, minimum_bytes, bytes);
        let block = _mm256_setr_epi16(0, 0, 0, 0, 0, 0, 0, 0, 8, 8, 8, 8, 8, 8, 8, 8);
        let d = _mm256_permutexvar_epi16(block, headers);
        let dmin = _mm256_permutexvar_epi16(_mm256_add_epi16(block, _mm256_set1_epi16(1)), headers);
        let dmin = _mm256_xor_si256(dmin, _mm256_set1_epi16(i16::MIN));
        Headers {
            d: F32x16(_mm512_cvtph_ps(d)),
            dmin: F32x16(_mm512_cvtph_ps(dmin)),
            scales,
            minima: F32x16(_mm512_cvtepi32_ps(minima)),
        }
    }
}
