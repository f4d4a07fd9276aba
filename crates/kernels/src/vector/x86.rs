//! AVX2 and AVX-512 registers.

use std::arch::x86_64::*;

use super::Vector;

/// AVX2 with FMA and F16C.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct F32x8(pub __m256);

/// AVX-512 F, BW, DQ, VL and VBMI.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct F32x16(pub __m512);

impl Vector for F32x8 {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        F32x8(_mm256_set1_ps(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        F32x8(_mm256_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, n: usize) -> Self {
        F32x8(_mm256_maskload_ps(from, lanes_below(n)))
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self {
        F32x8(_mm256_cvtph_ps(_mm_loadu_si128(from.cast())))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        F32x8(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self {
        let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
        F32x8(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide)))
    }

    #[inline(always)]
    unsafe fn load_f16_partial(from: *const u8, n: usize) -> Self {
        F32x8(_mm256_cvtph_ps(first_halves(from, n)))
    }

    #[inline(always)]
    unsafe fn load_bf16_partial(from: *const u8, n: usize) -> Self {
        F32x8(_mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(first_halves(from, n)))))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm256_storeu_ps(to, self.0)
    }

    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, n: usize) {
        _mm256_maskstore_ps(to, lanes_below(n), self.0)
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        _mm_prefetch::<_MM_HINT_T0>(from.cast())
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        F32x8(_mm256_add_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        F32x8(_mm256_sub_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        F32x8(_mm256_mul_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        F32x8(_mm256_div_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        F32x8(_mm256_fmadd_ps(self.0, factor.0, addend.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        F32x8(_mm256_max_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        F32x8(_mm256_min_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        F32x8(_mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0))
    }

    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
        F32x8(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)))
    }

    #[inline(always)]
    unsafe fn if_less(self, than: Self, yes: Self, no: Self) -> Self {
        F32x8(_mm256_blendv_ps(no.0, yes.0, _mm256_cmp_ps::<_CMP_LT_OQ>(self.0, than.0)))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        sum_of_four(_mm_add_ps(_mm256_castps256_ps128(self.0), _mm256_extractf128_ps::<1>(self.0)))
    }

    /// Four columns at a time, rows four apart side by side in a register: then nothing has to cross its middle.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        let mut column = 0;
        while column < 8 {
            let from = from.add(column);
            let (a, b) = (two_rows(from, 4 * stride), two_rows(from.add(stride), 4 * stride));
            let (c, d) = (two_rows(from.add(2 * stride), 4 * stride), two_rows(from.add(3 * stride), 4 * stride));
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            let to = to.add(column * to_stride);
            _mm256_storeu_ps(to, _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd));
            _mm256_storeu_ps(to.add(to_stride), _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd));
            let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            _mm256_storeu_ps(to.add(2 * to_stride), _mm256_shuffle_ps::<0b01_00_01_00>(ab, cd));
            _mm256_storeu_ps(to.add(3 * to_stride), _mm256_shuffle_ps::<0b11_10_11_10>(ab, cd));
            column += 4;
        }
    }
}

/// Four floats and the four that lie `further` floats on.
#[inline(always)]
unsafe fn two_rows(from: *const f32, further: usize) -> __m256 {
    _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(_mm_loadu_ps(from)), _mm_loadu_ps(from.add(further)))
}

impl Vector for F32x16 {
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        F32x16(_mm512_set1_ps(value))
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        F32x16(_mm512_loadu_ps(from))
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, n: usize) -> Self {
        F32x16(_mm512_maskz_loadu_ps(lowest_bits(n), from))
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self {
        F32x16(_mm512_cvtph_ps(_mm256_loadu_si256(from.cast())))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        F32x16(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self {
        let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
        F32x16(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
    }

    #[inline(always)]
    unsafe fn load_f16_partial(from: *const u8, n: usize) -> Self {
        F32x16(_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(lowest_bits(n), from.cast())))
    }

    #[inline(always)]
    unsafe fn load_bf16_partial(from: *const u8, n: usize) -> Self {
        let wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lowest_bits(n), from.cast()));
        F32x16(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        _mm512_storeu_ps(to, self.0)
    }

    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, n: usize) {
        _mm512_mask_storeu_ps(to, lowest_bits(n), self.0)
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        _mm_prefetch::<_MM_HINT_T0>(from.cast())
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        F32x16(_mm512_add_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        F32x16(_mm512_sub_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        F32x16(_mm512_mul_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        F32x16(_mm512_div_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        F32x16(_mm512_fmadd_ps(self.0, factor.0, addend.0))
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        F32x16(_mm512_max_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        F32x16(_mm512_min_ps(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        F32x16(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0))
    }

    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        F32x16(_mm512_scalef_ps(_mm512_set1_ps(1.0), self.0))
    }

    #[inline(always)]
    unsafe fn if_less(self, than: Self, yes: Self, no: Self) -> Self {
        F32x16(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, than.0), no.0, yes.0))
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        F32x8(_mm256_add_ps(_mm512_castps512_ps256(self.0), _mm512_extractf32x8_ps::<1>(self.0))).sum()
    }

    #[inline(always)]
    unsafe fn store_sums<const R: usize>(registers: &[Self; R], to: *mut f32) {
        if R != 4 {
            let mut i = 0;
            while i < R {
                to.add(i).write(registers[i].sum());
                i += 1;
            }
            return;
        }
        // A quarter of the additions and half of the shuffles: each register's lanes end in a quarter of one register.
        let (a, b) = (onto_half(registers[0].0, registers[1].0), onto_half(registers[2].0, registers[3].0));
        let (low, high) = (_mm512_shuffle_f32x4::<0b10_00_10_00>(a, b), _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b));
        let four = _mm512_add_ps(low, high);
        let two = _mm512_add_ps(four, _mm512_permute_ps::<0b00_00_11_10>(four));
        let one = _mm512_add_ps(two, _mm512_movehdup_ps(two));
        _mm_storeu_ps(to, _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, one)));
    }

    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        let mut rows = [_mm512_setzero_ps(); 16];
        let mut i = 0;
        while i < 16 {
            rows[i] = _mm512_loadu_ps(from.add(i * stride));
            i += 1;
        }
        let columns = transposed(rows);
        let mut i = 0;
        while i < 16 {
            _mm512_storeu_ps(to.add(i * to_stride), columns[i]);
            i += 1;
        }
    }
}

/// Rows to columns.
#[inline(always)]
pub(crate) unsafe fn transposed(mut r: [__m512; 16]) -> [__m512; 16] {
    let mut i = 0;
    while i < 16 {
        (r[i], r[i + 1]) = (_mm512_unpacklo_ps(r[i], r[i + 1]), _mm512_unpackhi_ps(r[i], r[i + 1]));
        i += 2;
    }
    let mut i = 0;
    while i < 16 {
        let [a, b, c, d] = [r[i], r[i + 1], r[i + 2], r[i + 3]].map(|row| _mm512_castps_pd(row));
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
        i += 4;
    }
    // Register `4 i + j` now holds columns j, j + 4, j + 8 and j + 12 of rows `4 i ..`, a quarter each.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let mut j = 0;
    while j < 4 {
        let [a, b, c, d] = [r[j], r[j + 4], r[j + 8], r[j + 12]];
        let (even, odd) = (_mm512_shuffle_f32x4::<EVEN>(a, b), _mm512_shuffle_f32x4::<ODD>(a, b));
        let (even_below, odd_below) = (_mm512_shuffle_f32x4::<EVEN>(c, d), _mm512_shuffle_f32x4::<ODD>(c, d));
        r[j] = _mm512_shuffle_f32x4::<EVEN>(even, even_below);
        r[j + 4] = _mm512_shuffle_f32x4::<EVEN>(odd, odd_below);
        r[j + 8] = _mm512_shuffle_f32x4::<ODD>(even, even_below);
        r[j + 12] = _mm512_shuffle_f32x4::<ODD>(odd, odd_below);
        j += 1;
    }
    r
}

/// The upper half of each register added onto its lower half, side by side.
#[inline(always)]
unsafe fn onto_half(a: __m512, b: __m512) -> __m512 {
    _mm512_add_ps(_mm512_shuffle_f32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_f32x4::<0b11_10_11_10>(a, b))
}

#[inline(always)]
unsafe fn sum_of_four(lanes: __m128) -> f32 {
    let two = _mm_add_ps(lanes, _mm_movehl_ps(lanes, lanes));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

/// The first `n < 8` two-byte values, then zeros. AVX2 masks no loads of that width: two loads that overlap in the
/// middle are put together instead, all in registers.
#[inline(always)]
unsafe fn first_halves(from: *const u8, n: usize) -> __m128i {
    let (low, high) = if n > 4 {
        let last = from.add(2 * (n - 4)).cast::<u64>().read_unaligned();
        (from.cast::<u64>().read_unaligned(), last >> (16 * (8 - n)))
    } else if n == 4 {
        (from.cast::<u64>().read_unaligned(), 0)
    } else if n >= 2 {
        let last = u64::from(from.add(2 * (n - 2)).cast::<u32>().read_unaligned());
        let first = u64::from(from.cast::<u32>().read_unaligned());
        (first | (last >> (16 * (4 - n))) << 32, 0)
    } else if n == 1 {
        (u64::from(from.cast::<u16>().read_unaligned()), 0)
    } else {
        (0, 0)
    };
    _mm_set_epi64x(high as i64, low as i64)
}

/// All bits set in the first `n` lanes.
#[inline(always)]
unsafe fn lanes_below(n: usize) -> __m256i {
    let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
}

/// The lowest `n` bits, `n` at most 16.
#[inline(always)]
fn lowest_bits(n: usize) -> u16 {
    ((1u32 << n) - 1) as u16
}
