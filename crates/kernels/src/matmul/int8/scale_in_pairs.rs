//! AVX2: codes without a sign, whose products are added in pairs of 16 bits as long as these cannot overflow. Widening
//! them is a multiplication, which integers for scales ride on.

use std::arch::x86_64::*;

use super::avx2::U8x32;
use super::bytes::Bytes;
use super::gemm::{STRIPS, Tile};
use super::gemv::Step;
use super::inputs::{GROUP, Tokens};
use super::integer_scales::{MOST_PAIRS, Scales};
use super::stored::{Stored, UnpackedStep};
use crate::blocks::STEP;
use crate::vector::{F32x8, Vector};

/// How many sums of two products of codes up to `most` cannot overflow 16 bits together: 8 of 15 times 127, 2 of 63.
const fn sums_of_pairs(most: i32) -> usize {
    i16::MAX as usize / (2 * 127 * most as usize)
}

/// Whether two such sums fit.
pub(super) const fn two_fit(most: i32) -> bool {
    sums_of_pairs(most) >= 2
}

/// Whether those of a whole group fit, in registers of which each has four codes.
pub(super) const fn group_fits(most: i32, group: usize) -> bool {
    sums_of_pairs(most) >= group / 4
}

/// The dot products of a group, of which [`group_fits`], times `scales`, of 16 bits: widened to 32 bits once.
#[inline(always)]
pub(super) unsafe fn by_pairs<const T: usize>(
    registers: usize,
    codes: [*const U8x32; STRIPS],
    x: [*const i8; T],
    scales: [U8x32; STRIPS],
) -> [[U8x32; STRIPS]; T] {
    let mut pairs = [[_mm256_setzero_si256(); STRIPS]; T];
    let (mut i, end) = (0, opaque(registers));
    while i < end {
        let (first, second) = (codes[0].add(i).read().0, codes[1].add(i).read().0);
        let mut t = 0;
        while t < T {
            let input = U8x32::repeat_4(x[t].add(4 * i).cast()).0;
            pairs[t][0] = _mm256_add_epi16(pairs[t][0], _mm256_maddubs_epi16(first, input));
            pairs[t][1] = _mm256_add_epi16(pairs[t][1], _mm256_maddubs_epi16(second, input));
            t += 1;
        }
        i += 1;
    }
    let mut products = [[U8x32::zero(); STRIPS]; T];
    let mut t = 0;
    while t < T {
        products[t][0] = U8x32(_mm256_madd_epi16(pairs[t][0], scales[0].0));
        products[t][1] = U8x32(_mm256_madd_epi16(pairs[t][1], scales[1].0));
        t += 1;
    }
    products
}

/// The same of the two groups of 32 values, each with `scales` of its own, if only [`two_fit`].
#[inline(always)]
unsafe fn by_twos<const T: usize>(
    codes: [*const U8x32; STRIPS],
    x: [*const i8; T],
    scales: [*const U8x32; STRIPS],
) -> [[U8x32; STRIPS]; T] {
    let mut products = [[U8x32::zero(); STRIPS]; T];
    let (mut i, end) = (0, opaque(GROUP / 8));
    while i < end {
        let codes = [codes[0].add(2 * i).cast::<[U8x32; 2]>().read(), codes[1].add(2 * i).cast::<[U8x32; 2]>().read()];
        let scales = [scales[0].add(i / 2).read(), scales[1].add(i / 2).read()];
        let mut t = 0;
        while t < T {
            let x = [U8x32::repeat_4(x[t].add(8 * i).cast()), U8x32::repeat_4(x[t].add(8 * i + 4).cast())];
            products[t][0] = products[t][0].add_32(two_of(codes[0], x, scales[0]));
            products[t][1] = products[t][1].add_32(two_of(codes[1], x, scales[1]));
            t += 1;
        }
        i += 1;
    }
    products
}

/// Products of codes without a sign, of which [`two_fit`], times `scales`.
#[inline(always)]
pub(super) unsafe fn two_of(codes: [U8x32; 2], x: [U8x32; 2], scales: U8x32) -> U8x32 {
    let pairs = _mm256_add_epi16(_mm256_maddubs_epi16(codes[0].0, x[0].0), _mm256_maddubs_epi16(codes[1].0, x[1].0));
    U8x32(_mm256_madd_epi16(pairs, scales.0))
}

/// Products of codes without a sign times `scales`.
#[inline(always)]
unsafe fn one_of(codes: U8x32, x: U8x32, scales: U8x32) -> U8x32 {
    U8x32(_mm256_madd_epi16(_mm256_maddubs_epi16(codes.0, x.0), scales.0))
}

/// `n`, of which the optimiser knows nothing: what it knows it unrolls, and then it turns the loop inside out and keeps
/// sums and codes on the stack. Two fifths more products of `Q4_0` a second on Zen 3.
#[inline(always)]
pub(super) fn opaque(n: usize) -> usize {
    std::hint::black_box(n)
}

/// Onto the pairs of 16 bits as they are widened.
pub(crate) struct ScaleInPairs;

/// The scales of a step as words of 16 bits.
pub(crate) struct Words {
    /// Of the rows of register `q`, those of 8 groups to a lane: `[q]`, then the upper 8 groups.
    by_rows: [[U8x32; 2]; 4],
    /// Of one group, twice in every 32 bits; these are rows in order.
    by_groups: [U8x32; STEP / 16],
    /// [`Stored::ZERO_POINT`] times scale: of 32 values' two groups in every 32 bits, rows in order.
    zeros: [U8x32; STEP / GROUP],
}

impl Words {
    /// Of the `h`th eight groups, two by two in every 32 bits, rows in order.
    #[inline(always)]
    unsafe fn pairs(&self, h: usize) -> [U8x32; 4] {
        let [a, b, c, d] = &self.by_rows;
        U8x32::transpose([a[h], b[h], c[h], d[h]])
    }

    /// The sums of products of the `pair`th 32 values, less what [`Stored::ZERO_POINT`] adds to those with codes of these `sums`.
    #[inline(always)]
    unsafe fn centred<S: Stored<U8x32>>(&self, products: U8x32, pair: usize, sums: *const [i16; 2]) -> U8x32 {
        match S::ZERO_POINT {
            0 => products,
            _ => {
                let zeros = _mm256_madd_epi16(self.zeros[pair].0, U8x32::repeat_4(sums.cast()).0);
                U8x32(_mm256_sub_epi32(products.0, zeros))
            }
        }
    }
}

impl Scales<U8x32> for ScaleInPairs {
    type Unpacked = Words;

    #[inline(always)]
    unsafe fn unpack<S: Stored<U8x32>>(codes: [U8x32; 4], to: &mut UnpackedStep<U8x32>) {
        let mut q = 0;
        while q < 4 {
            let words = &mut to.scales.by_rows[q];
            *words = match S::SIGNED_SCALES {
                true => [
                    U8x32(_mm256_srai_epi16::<8>(U8x32::zero().zip_low::<1>(codes[q]).0)),
                    U8x32(_mm256_srai_epi16::<8>(U8x32::zero().zip_high::<1>(codes[q]).0)),
                ],
                false => [codes[q].zip_low::<1>(U8x32::zero()), codes[q].zip_high::<1>(U8x32::zero())],
            };
            q += 1;
        }
        // 32 times 128 at most: it is the scales that have room for the factor, not the sums of codes.
        let mut h = 0;
        while S::ZERO_POINT != 0 && h < STEP / S::GROUP / 8 {
            let pairs = to.scales.pairs(h);
            let mut i = 0;
            while i < 4 {
                to.scales.zeros[4 * h + i] =
                    U8x32(_mm256_mullo_epi16(pairs[i].0, _mm256_set1_epi16(S::ZERO_POINT as i16)));
                i += 1;
            }
            h += 1;
        }
    }

    #[inline(always)]
    unsafe fn broadcast<S: Stored<U8x32>>(unpacked: &mut UnpackedStep<U8x32>) {
        let mut h = 0;
        while h < STEP / S::GROUP / 8 {
            let pairs = unpacked.scales.pairs(h);
            let by_groups = &mut unpacked.scales.by_groups;
            let mut i = 0;
            while i < 4 {
                by_groups[8 * h + 2 * i] = pairs[i].shuffle([0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13]);
                by_groups[8 * h + 2 * i + 1] =
                    pairs[i].shuffle([2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15]);
                i += 1;
            }
            h += 1;
        }
    }

    /// Codes are multiplied as soon as they are unpacked: those of a part would not find room in registers.
    #[inline(always)]
    unsafe fn dots<S: Stored<U8x32>, const T: usize>(
        step: &Step<U8x32>,
        stored: S,
        part: usize,
        tokens: &Tokens,
    ) -> [[F32x8; T]; MOST_PAIRS] {
        let (pairs, unpacked) = (S::RUNS / 2, step.unpacked);
        let mut sums = [[[U8x32::zero(); 4]; T]; MOST_PAIRS];
        let mut q = 0;
        while q < 4 {
            let codes = stored.part(step.rows, unpacked, q, part);
            let mut i = 0;
            while i < pairs {
                let pair = part * pairs + i;
                let codes = [codes[2 * i], codes[2 * i + 1]];
                let (first, last) = (pair * GROUP / S::GROUP, (pair + 1) * GROUP / S::GROUP - 1);
                let scales = [scale_of(unpacked, q, first), scale_of(unpacked, q, last)];
                let x = tokens.codes::<T>(GROUP * pair);
                let mut t = 0;
                while t < T {
                    let x = [U8x32::repeat_16(x[t].cast()), U8x32::repeat_16(x[t].add(16).cast())];
                    sums[i][t][q] = match S::GROUP {
                        GROUP => two_of(codes, x, scales[0]),
                        _ => one_of(codes[0], x[0], scales[0]).add_32(one_of(codes[1], x[1], scales[1])),
                    };
                    t += 1;
                }
                i += 1;
            }
            q += 1;
        }
        let mut products = [[F32x8::zero(); T]; MOST_PAIRS];
        let mut i = 0;
        while i < pairs {
            let pair = part * pairs + i;
            let mut t = 0;
            while t < T {
                let product = U8x32::sum_rows(sums[i][t]);
                products[i][t] = unpacked.scales.centred::<S>(product, pair, tokens.sums(t, pair)).to_floats();
                t += 1;
            }
            i += 1;
        }
        products
    }

    #[inline(always)]
    unsafe fn tile<S: Stored<U8x32>, const T: usize>(
        tile: &Tile<U8x32>,
        tokens: &Tokens,
        pair: usize,
    ) -> [[F32x8; STRIPS]; T] {
        let scales = [&tile.panels[0].unpacked.scales, &tile.panels[1].unpacked.scales];
        let (codes, x) = (tile.codes(GROUP * pair), tokens.codes(GROUP * pair));
        let sums = if S::GROUP == GROUP {
            by_pairs::<T>(GROUP / 4, codes, x, [scales[0].by_groups[pair], scales[1].by_groups[pair]])
        } else {
            by_twos::<T>(codes, x, [&raw const scales[0].by_groups[2 * pair], &raw const scales[1].by_groups[2 * pair]])
        };
        let mut products = [[F32x8::zero(); STRIPS]; T];
        let mut t = 0;
        while t < T {
            let of_input = tokens.sums(t, pair);
            let [first, second] = sums[t];
            products[t] = [
                scales[0].centred::<S>(first, pair, of_input).to_floats(),
                scales[1].centred::<S>(second, pair, of_input).to_floats(),
            ];
            t += 1;
        }
        products
    }
}

/// The scale of group `g` of the rows of register `q`, in all 16-bit units of their lanes.
#[inline(always)]
unsafe fn scale_of(unpacked: &UnpackedStep<U8x32>, q: usize, g: usize) -> U8x32 {
    static WORDS: [[u8; 16]; 8] = {
        let mut words = [[0; 16]; 8];
        let mut i = 0;
        while i < 8 * 16 {
            words[i / 16][i % 16] = (2 * (i / 16) + i % 2) as u8;
            i += 1;
        }
        words
    };
    let words = unpacked.scales.by_rows[q][g / 8].0;
    U8x32(_mm256_shuffle_epi8(words, U8x32::repeat_16(WORDS[g % 8].as_ptr()).0))
}
