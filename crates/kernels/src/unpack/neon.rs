//! Blocks into NEON registers of four.

use std::arch::aarch64::*;

use super::{Q4_0, Q4K, Q6K, Q8_0, Sink, Unpack};
use crate::DType;
use crate::blocks::{Affine, k_scales};
use crate::vector::{F32x4, Vector};

/// The half-precision number at `src` in every lane.
#[inline(always)]
unsafe fn half_x4(src: *const u8) -> F32x4 {
    F32x4(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(src.cast::<u16>().read_unaligned()))))
}

/// Hands on sixteen codes times their scale, as registers `first` to `first + 3`.
#[inline(always)]
unsafe fn put_16(first: usize, codes: int8x16_t, scale: F32x4, sink: &mut impl Sink<F32x4>) {
    let (low, high) = (vmovl_s8(vget_low_s8(codes)), vmovl_high_s8(codes));
    sink.put(first, widen(vmovl_s16(vget_low_s16(low))).mul(scale));
    sink.put(first + 1, widen(vmovl_high_s16(low)).mul(scale));
    sink.put(first + 2, widen(vmovl_s16(vget_low_s16(high))).mul(scale));
    sink.put(first + 3, widen(vmovl_high_s16(high)).mul(scale));
}

#[inline(always)]
unsafe fn widen(codes: int32x4_t) -> F32x4 {
    F32x4(vcvtq_f32_s32(codes))
}

impl Unpack<F32x4> for Q8_0 {
    type Shared = F32x4;
    const PARTS: usize = 1;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q8_0
    }

    /// The scale.
    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> F32x4 {
        half_x4(src)
    }

    #[inline(always)]
    unsafe fn part(self, src: *const u8, d: &F32x4, _: usize, sink: &mut impl Sink<F32x4>) {
        put_16(0, vld1q_s8(src.add(2).cast()), *d, sink);
        put_16(4, vld1q_s8(src.add(18).cast()), *d, sink);
    }
}

impl Unpack<F32x4> for Q4_0 {
    type Shared = F32x4;
    const PARTS: usize = 1;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_0
    }

    /// The scale.
    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> F32x4 {
        half_x4(src)
    }

    #[inline(always)]
    unsafe fn part(self, src: *const u8, d: &F32x4, _: usize, sink: &mut impl Sink<F32x4>) {
        let (bytes, zero) = (vld1q_u8(src.add(2)), vdupq_n_u8(8));
        let (low, high) = (vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8::<4>(bytes));
        put_16(0, vreinterpretq_s8_u8(vsubq_u8(low, zero)), *d, sink);
        put_16(4, vreinterpretq_s8_u8(vsubq_u8(high, zero)), *d, sink);
    }
}

/// Scale times code is exact in f32 (11 + 6 + 4 bits), so that the fused addition of the offset rounds as the reference
/// does.
impl Unpack<F32x4> for Q4K {
    type Shared = Affine<8>;
    const PARTS: usize = 4;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q4_K
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Affine<8> {
        k_scales(std::slice::from_raw_parts(src, DType::Q4_K.block_bytes()))
    }

    /// A pair of runs.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, runs: &Affine<8>, pair: usize, sink: &mut impl Sink<F32x4>) {
        let bytes = src.add(16 + 32 * pair);
        let (first, second) = (vld1q_u8(bytes), vld1q_u8(bytes.add(16)));
        let low = vdupq_n_u8(15);
        put_shifted(16 * pair, vandq_u8(first, low), runs, 2 * pair, sink);
        put_shifted(16 * pair + 4, vandq_u8(second, low), runs, 2 * pair, sink);
        put_shifted(16 * pair + 8, vshrq_n_u8::<4>(first), runs, 2 * pair + 1, sink);
        put_shifted(16 * pair + 12, vshrq_n_u8::<4>(second), runs, 2 * pair + 1, sink);
    }
}

/// Hands on sixteen codes times the run's scale plus its offset, as registers `first` to `first + 3`.
#[inline(always)]
unsafe fn put_shifted(first: usize, codes: uint8x16_t, runs: &Affine<8>, run: usize, sink: &mut impl Sink<F32x4>) {
    let (scale, offset) = (F32x4::splat(runs.scales[run]), F32x4::splat(runs.offsets[run]));
    let (low, high) = (vmovl_u8(vget_low_u8(codes)), vmovl_high_u8(codes));
    sink.put(first, widen_unsigned(vmovl_u16(vget_low_u16(low))).mul_add(scale, offset));
    sink.put(first + 1, widen_unsigned(vmovl_high_u16(low)).mul_add(scale, offset));
    sink.put(first + 2, widen_unsigned(vmovl_u16(vget_low_u16(high))).mul_add(scale, offset));
    sink.put(first + 3, widen_unsigned(vmovl_high_u16(high)).mul_add(scale, offset));
}

#[inline(always)]
unsafe fn widen_unsigned(codes: uint32x4_t) -> F32x4 {
    F32x4(vcvtq_f32_u32(codes))
}

/// The scale of each run of a `Q6_K` block, in units of a weight.
type Scales = [f32; 16];

impl Unpack<F32x4> for Q6K {
    type Shared = Scales;
    const PARTS: usize = 8;

    #[inline(always)]
    fn dtype(self) -> DType {
        DType::Q6_K
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Scales {
        let mut scales = [0.0; 16];
        put_16(0, vld1q_s8(src.add(192).cast()), half_x4(src.add(208)), &mut super::Store(scales.as_mut_ptr()));
        scales
    }

    /// Two runs.
    #[inline(always)]
    unsafe fn part(self, src: *const u8, scales: &Scales, quarter: usize, sink: &mut impl Sink<F32x4>) {
        put_16(8 * quarter, codes_of_run(src, quarter, 0), F32x4::splat(scales[2 * quarter]), sink);
        put_16(8 * quarter + 4, codes_of_run(src, quarter, 16), F32x4::splat(scales[2 * quarter + 1]), sink);
    }
}

/// The sixteen codes, -32 to 31, of values `32 quarter + from ..`.
#[inline(always)]
unsafe fn codes_of_run(src: *const u8, quarter: usize, from: usize) -> int8x16_t {
    let (half, quarter) = (quarter / 4, quarter % 4);
    let nibbles = vld1q_u8(src.add(64 * half + 32 * (quarter % 2) + from));
    let nibbles = if quarter < 2 { vandq_u8(nibbles, vdupq_n_u8(15)) } else { vshrq_n_u8::<4>(nibbles) };
    let pairs = vld1q_u8(src.add(128 + 32 * half + from));
    let pairs = vandq_u8(vshlq_u8(pairs, vdupq_n_s8(4 - 2 * quarter as i8)), vdupq_n_u8(0x30)); // left, or right if < 0
    vreinterpretq_s8_u8(vsubq_u8(vorrq_u8(nibbles, pairs), vdupq_n_u8(32)))
}
