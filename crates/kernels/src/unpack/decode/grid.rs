//! The codebook types: runs of eight or four magnitudes are loaded from their grids, in which indices are worked out a
//! block at a time; then signs or shifts are applied to 32 codes at once.

use std::arch::x86_64::*;

use super::block32::{bits_as_bytes, put};
use crate::blocks::{Codes, grids};
use crate::unpack::half_x8;

/// Indices of 32 runs of eight.
#[repr(align(32))]
struct Indices([u16; 32]);

/// Bytes that go with the runs of a block: signs of eight values, or a shift.
#[repr(align(32))]
struct Bytes([u8; 32]);

impl Bytes {
    #[inline(always)]
    unsafe fn of(bytes: __m256i) -> Bytes {
        let mut this = Bytes([0; 32]);
        _mm256_store_si256(this.0.as_mut_ptr().cast(), bytes);
        this
    }
}

impl Indices {
    /// From sixteen indices and the next sixteen.
    #[inline(always)]
    unsafe fn of(first: __m256i, second: __m256i) -> Indices {
        let mut this = Indices([0; 32]);
        _mm256_store_si256(this.0.as_mut_ptr().cast(), first);
        _mm256_store_si256(this.0.as_mut_ptr().add(16).cast(), second);
        this
    }
}

/// Runs `4 group ..` of eight, side by side.
#[inline(always)]
unsafe fn eights(grid: &[[i8; 8]], indices: &[u16; 32], group: usize) -> __m256i {
    let run = |i: usize| grid.as_ptr().add(usize::from(indices[4 * group + i])).cast::<i64>().read_unaligned();
    _mm256_setr_epi64x(run(0), run(1), run(2), run(3))
}

/// `magnitudes`, negated where a bit of the 32 at `signs` is set.
#[inline(always)]
unsafe fn signed(magnitudes: __m256i, signs: *const u8) -> __m256i {
    let minus = bits_as_bytes(signs);
    _mm256_sub_epi8(_mm256_xor_si256(magnitudes, minus), minus)
}

/// Sets the eighth bit of each byte of seven signs where that makes the count of minuses even.
#[inline(always)]
unsafe fn even_signs(sevens: __m256i) -> __m256i {
    let odd = _mm256_setr_epi8(
        0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0, //
        0, -128, -128, 0, -128, 0, 0, -128, -128, 0, 0, -128, 0, -128, -128, 0,
    );
    let low = _mm256_set1_epi8(15);
    let parity_of_low = _mm256_shuffle_epi8(odd, _mm256_and_si256(sevens, low));
    let parity_of_high = _mm256_shuffle_epi8(odd, _mm256_and_si256(_mm256_srli_epi16::<4>(sevens), low));
    _mm256_or_si256(sevens, _mm256_xor_si256(parity_of_low, parity_of_high))
}

/// The signs in eight words of four times seven bits.
#[inline(always)]
unsafe fn signs_of_words(words: __m256i) -> __m256i {
    let first = _mm256_and_si256(words, _mm256_set1_epi32(0x7f));
    let second = _mm256_and_si256(_mm256_slli_epi32::<1>(words), _mm256_set1_epi32(0x7f00));
    let third = _mm256_and_si256(_mm256_slli_epi32::<2>(words), _mm256_set1_epi32(0x7f_0000));
    let fourth = _mm256_and_si256(_mm256_slli_epi32::<3>(words), _mm256_set1_epi32(0x7f00_0000));
    even_signs(_mm256_or_si256(_mm256_or_si256(first, second), _mm256_or_si256(third, fourth)))
}

/// `d * (code + 0.5) * unit` for eight codes.
#[inline(always)]
unsafe fn put_half_odd(src: *const u8, codes: __m256i, unit: f32, to: *mut f32) {
    let odd = _mm256_add_ps(_mm256_cvtepi32_ps(codes), _mm256_set1_ps(0.5));
    let scales = _mm256_mul_ps(_mm256_mul_ps(odd, half_x8(src).0), _mm256_set1_ps(unit));
    _mm256_storeu_ps(to, scales);
}

/// Sixteen nibbles from eight bytes.
#[inline(always)]
unsafe fn sixteen_nibbles(src: *const u8) -> __m128i {
    let packed = _mm_cvtepu8_epi16(_mm_loadl_epi64(src.cast()));
    _mm_and_si128(_mm_or_si128(packed, _mm_slli_epi16::<4>(packed)), _mm_set1_epi8(15))
}

/// The scales of `IQ2_XS` and `IQ2_S`: a nibble for each 16 values.
#[inline(always)]
unsafe fn put_nibble_scales(src: *const u8, nibbles: *const u8, to: &mut Codes) {
    let nibbles = sixteen_nibbles(nibbles);
    put_half_odd(src, _mm256_cvtepu8_epi32(nibbles), 0.25, to.scales.as_mut_ptr());
    let second = _mm_srli_si128::<8>(nibbles);
    put_half_odd(src, _mm256_cvtepu8_epi32(second), 0.25, to.scales.as_mut_ptr().add(8));
}

#[inline(always)]
unsafe fn put_signed_eights(grid: &[[i8; 8]], indices: &Indices, signs: *const u8, to: &mut Codes) {
    let mut group = 0;
    while group < 8 {
        put(signed(eights(grid, &indices.0, group), signs.add(4 * group)), group, to);
        group += 1;
    }
}

/// Eight groups of four indices and a word of signs and scale.
#[inline(always)]
pub(super) unsafe fn iq2_xxs(src: *const u8, to: &mut Codes) {
    let (first, second) = (_mm256_loadu_si256(src.add(2).cast()), _mm256_loadu_si256(src.add(34).cast()));
    let (first, second) = (_mm256_castsi256_ps(first), _mm256_castsi256_ps(second));
    let bytes = _mm256_castps_si256(_mm256_shuffle_ps::<0x88>(first, second));
    let words = _mm256_castps_si256(_mm256_shuffle_ps::<0xdd>(first, second));
    let (bytes, words) = (_mm256_permute4x64_epi64::<0xd8>(bytes), _mm256_permute4x64_epi64::<0xd8>(words));
    let second = _mm256_cvtepu8_epi16(_mm256_extracti128_si256::<1>(bytes));
    let indices = Indices::of(_mm256_cvtepu8_epi16(_mm256_castsi256_si128(bytes)), second);
    let signs = Bytes::of(signs_of_words(words));
    put_signed_eights(&grids::IQ2_XXS, &indices, signs.0.as_ptr(), to);
    put_half_odd(src, _mm256_srli_epi32::<28>(words), 0.25, to.scales.as_mut_ptr());
}

#[inline(always)]
pub(super) unsafe fn iq2_xs(src: *const u8, to: &mut Codes) {
    let (first, second) = (_mm256_loadu_si256(src.add(2).cast()), _mm256_loadu_si256(src.add(34).cast()));
    let nine = _mm256_set1_epi16(511);
    let indices = Indices::of(_mm256_and_si256(first, nine), _mm256_and_si256(second, nine));
    let sevens = _mm256_packus_epi16(_mm256_srli_epi16::<9>(first), _mm256_srli_epi16::<9>(second));
    let signs = Bytes::of(even_signs(_mm256_permute4x64_epi64::<0xd8>(sevens)));
    put_signed_eights(&grids::IQ2_XS, &indices, signs.0.as_ptr(), to);
    put_nibble_scales(src, src.add(66), to);
}

/// Indices of `IQ2_S`: sixteen bytes, topped up by the pairs of bits in four.
#[inline(always)]
unsafe fn ten_bits(low: *const u8, upper: *const u8) -> __m256i {
    let byte_of = _mm_setr_epi8(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    let upper = _mm_shuffle_epi8(_mm_cvtsi32_si128(upper.cast::<i32>().read_unaligned()), byte_of);
    // Lane j of four moves its pair, bits 2 j and 2 j + 1, to bits 8 and 9.
    let upper = _mm256_mullo_epi16(_mm256_cvtepu8_epi16(upper), _mm256_set1_epi64x(0x0004_0010_0040_0100));
    let low = _mm256_cvtepu8_epi16(_mm_loadu_si128(low.cast()));
    _mm256_or_si256(low, _mm256_and_si256(upper, _mm256_set1_epi16(0x300)))
}

#[inline(always)]
pub(super) unsafe fn iq2_s(src: *const u8, to: &mut Codes) {
    let indices = Indices::of(ten_bits(src.add(2), src.add(66)), ten_bits(src.add(18), src.add(70)));
    put_signed_eights(&grids::IQ2_S, &indices, src.add(34), to);
    put_nibble_scales(src, src.add(74), to);
}

/// Runs `8 group ..` of four, side by side.
#[inline(always)]
unsafe fn fours(grid: &[[i8; 4]], indices: __m128i) -> __m256i {
    _mm256_i32gather_epi32::<4>(grid.as_ptr().cast(), _mm256_cvtepu16_epi32(indices))
}

#[inline(always)]
pub(super) unsafe fn iq3_xxs(src: *const u8, to: &mut Codes) {
    let words = _mm256_loadu_si256(src.add(66).cast());
    let signs = Bytes::of(signs_of_words(words));
    let mut group = 0;
    while group < 8 {
        let indices = _mm_cvtepu8_epi16(_mm_loadl_epi64(src.add(2 + 8 * group).cast()));
        put(signed(fours(&grids::IQ3_XXS, indices), signs.0.as_ptr().add(4 * group)), group, to);
        group += 1;
    }
    put_half_odd(src, _mm256_srli_epi32::<28>(words), 0.5, to.scales.as_mut_ptr());
}

#[inline(always)]
pub(super) unsafe fn iq3_s(src: *const u8, to: &mut Codes) {
    let bit = _mm_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128);
    let mut group = 0;
    while group < 8 {
        let ninths = _mm_set1_epi16(i16::from(*src.add(66 + group)));
        let ninths = _mm_cmpeq_epi16(_mm_and_si128(ninths, bit), bit);
        let low = _mm_cvtepu8_epi16(_mm_loadl_epi64(src.add(2 + 8 * group).cast()));
        let indices = _mm_or_si128(low, _mm_and_si128(ninths, _mm_set1_epi16(256)));
        put(signed(fours(&grids::IQ3_S, indices), src.add(74 + 4 * group)), group, to);
        group += 1;
    }
    let nibbles = _mm256_set1_epi32(src.add(106).cast::<i32>().read_unaligned());
    let nibbles = _mm256_srlv_epi32(nibbles, _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
    let nibbles = _mm256_and_si256(nibbles, _mm256_set1_epi32(15));
    let odd = _mm256_or_si256(_mm256_slli_epi32::<1>(nibbles), _mm256_set1_epi32(1));
    _mm256_storeu_ps(to.scales.as_mut_ptr(), _mm256_mul_ps(_mm256_cvtepi32_ps(odd), half_x8(src).0));
}

/// The ternary runs, each moved by its byte of `shifts`.
#[inline(always)]
unsafe fn put_shifted_eights(indices: &Indices, shifts: &Bytes, to: &mut Codes) {
    let ones = 0x0101_0101_0101_0101;
    let run = _mm256_setr_epi64x(0, ones, 2 * ones, 3 * ones);
    let mut group = 0;
    while group < 8 {
        let shift = _mm256_set1_epi32(shifts.0.as_ptr().add(4 * group).cast::<i32>().read());
        let codes = eights(&grids::IQ1_S, &indices.0, group);
        put(_mm256_add_epi8(codes, _mm256_shuffle_epi8(shift, run)), group, to);
        group += 1;
    }
}

/// `d * (2 code + 1) / 8` for eight codes.
#[inline(always)]
unsafe fn put_eighths(d: __m256, codes: __m256i, to: *mut f32) {
    let odd = _mm256_or_si256(_mm256_slli_epi32::<1>(codes), _mm256_set1_epi32(1));
    let scales = _mm256_mul_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(odd), d), _mm256_set1_ps(0.125));
    _mm256_storeu_ps(to, scales);
}

/// Indices of `IQ1_S`: sixteen bytes, topped up by the four times three bits in four words.
#[inline(always)]
unsafe fn eleven_bits(low: *const u8, words: *const u8) -> __m256i {
    let (one, two) = (0x0100_0100_0100_0100, 0x0302_0302_0302_0302);
    let each_four_times =
        _mm256_setr_epi64x(one, two, one + 4 * 0x0101_0101_0101_0101, two + 4 * 0x0101_0101_0101_0101);
    let words = _mm256_set1_epi64x(words.cast::<i64>().read_unaligned());
    let words = _mm256_shuffle_epi8(words, each_four_times);
    // Lane j of four moves its bits, 3 j and on, to the bottom; there is no factor for a move by none.
    let moved = _mm256_mulhi_epu16(words, _mm256_set1_epi64x(0x0080_0400_2000_0000));
    let moved = _mm256_and_si256(_mm256_blend_epi16::<0x11>(moved, words), _mm256_set1_epi16(7));
    let low = _mm256_cvtepu8_epi16(_mm_loadu_si128(low.cast()));
    _mm256_or_si256(low, _mm256_slli_epi16::<8>(moved))
}

#[inline(always)]
pub(super) unsafe fn iq1_s(src: *const u8, to: &mut Codes) {
    let words = _mm_loadu_si128(src.add(34).cast());
    // The top bit of a word: -1 if set, else 1, in the four bytes of the group.
    let down = _mm256_cvtepi16_epi32(_mm_srai_epi16::<15>(words));
    let shifts = Bytes::of(_mm256_or_si256(down, _mm256_set1_epi8(1)));
    let indices = Indices::of(eleven_bits(src.add(2), src.add(34)), eleven_bits(src.add(18), src.add(42)));
    put_shifted_eights(&indices, &shifts, to);
    let codes = _mm256_and_si256(_mm256_cvtepu16_epi32(_mm_srli_epi16::<12>(words)), _mm256_set1_epi32(7));
    put_eighths(half_x8(src).0, codes, to.scales.as_mut_ptr());
}

#[inline(always)]
pub(super) unsafe fn iq1_m(src: *const u8, to: &mut Codes) {
    let packed = _mm256_cvtepu8_epi16(_mm_loadu_si128(src.add(32).cast()));
    let nibbles = _mm256_or_si256(packed, _mm256_slli_epi16::<4>(packed)); // one a byte, in its low half
    let upper = _mm256_and_si256(nibbles, _mm256_set1_epi8(7));
    let low = _mm256_loadu_si256(src.cast());
    let (even, odd) = (_mm256_unpacklo_epi8(low, upper), _mm256_unpackhi_epi8(low, upper));
    let first = _mm256_permute2x128_si256::<0x20>(even, odd);
    let indices = Indices::of(first, _mm256_permute2x128_si256::<0x31>(even, odd));
    let down = _mm256_and_si256(nibbles, _mm256_set1_epi8(8));
    let down = _mm256_cmpeq_epi8(down, _mm256_set1_epi8(8));
    put_shifted_eights(&indices, &Bytes::of(_mm256_or_si256(down, _mm256_set1_epi8(1))), to);
    let words = src.add(48).cast::<u64>().read_unaligned();
    let tops = words & 0xf000_f000_f000_f000;
    let d = (tops >> 12 | tops >> 24 | tops >> 36 | tops >> 48) as u16;
    let d = _mm256_cvtph_ps(_mm_set1_epi16(d as i16));
    let shifts = _mm256_setr_epi32(0, 3, 6, 9, 16, 19, 22, 25);
    let mut half = 0;
    while half < 2 {
        let moved = _mm256_srlv_epi32(_mm256_set1_epi32((words >> (32 * half)) as i32), shifts);
        let codes = _mm256_and_si256(moved, _mm256_set1_epi32(7));
        put_eighths(d, codes, to.scales.as_mut_ptr().add(8 * half));
        half += 1;
    }
}
