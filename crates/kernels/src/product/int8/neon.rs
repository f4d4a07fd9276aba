//! Registers of 16 bytes: lanes of 16 are whole registers, a stripe is four rows.

use std::arch::aarch64::*;
use std::arch::asm;
use std::marker::PhantomData;

use super::bytes::Bytes;
use super::rows::Rows;
use crate::DType;
use crate::blocks::{Codes, decode};
use crate::vector::F32x4;

/// Bytes that are multiplied by the instructions of `D`.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct U8x16<D>(uint8x16_t, PhantomData<D>);

/// Instructions for the products of bytes.
pub(crate) trait DotProduct: Copy {
    /// Onto each lane of `sums`, four products.
    unsafe fn dot(sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t;
}

/// Of every processor: products in 16 bits, of which two make a sum that still fits (2 * 128 * 127 < 2^15).
#[derive(Clone, Copy)]
pub(crate) struct Widening;

impl DotProduct for Widening {
    #[inline(always)]
    unsafe fn dot(sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
        vpadalq_s16(sums, vpaddq_s16(low, vmull_high_s8(a, b)))
    }
}

/// `sdot`, whose intrinsic is not stable. The caller has the feature.
#[derive(Clone, Copy)]
pub(crate) struct Sdot;

impl DotProduct for Sdot {
    #[inline(always)]
    unsafe fn dot(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        asm!(
            "sdot {sums:v}.4s, {a:v}.16b, {b:v}.16b",
            sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
        sums
    }
}

impl<D> U8x16<D> {
    #[inline(always)]
    fn of(bytes: uint8x16_t) -> Self {
        U8x16(bytes, PhantomData)
    }

    #[inline(always)]
    unsafe fn of_16(units: uint16x8_t) -> Self {
        Self::of(vreinterpretq_u8_u16(units))
    }

    #[inline(always)]
    unsafe fn of_32(units: int32x4_t) -> Self {
        Self::of(vreinterpretq_u8_s32(units))
    }

    #[inline(always)]
    unsafe fn as_16(&self) -> uint16x8_t {
        vreinterpretq_u16_u8(self.0)
    }

    #[inline(always)]
    unsafe fn as_32(&self) -> int32x4_t {
        vreinterpretq_s32_u8(self.0)
    }

    #[inline(always)]
    unsafe fn as_signed(&self) -> int8x16_t {
        vreinterpretq_s8_u8(self.0)
    }
}

impl<D: DotProduct> Bytes for U8x16<D> {
    type Floats = F32x4;
    const BIAS: i32 = 0;
    /// Twelve of thirty-two registers hold integer sums, as many float sums.
    const TOKENS: usize = 6;

    #[inline(always)]
    unsafe fn load(rows: Rows, q: usize, at: usize) -> Self {
        Self::repeat_16(rows.row(q).add(at))
    }

    #[inline(always)]
    unsafe fn splat(byte: u8) -> Self {
        Self::of(vdupq_n_u8(byte))
    }

    #[inline(always)]
    unsafe fn repeat_16(from: *const u8) -> Self {
        Self::of(vld1q_u8(from))
    }

    #[inline(always)]
    unsafe fn repeat_4(from: *const u8) -> Self {
        Self::of_32(vdupq_n_s32(from.cast::<i32>().read_unaligned()))
    }

    #[inline(always)]
    unsafe fn and(self, other: Self) -> Self {
        Self::of(vandq_u8(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn or(self, other: Self) -> Self {
        Self::of(vorrq_u8(self.0, other.0))
    }

    #[inline(always)]
    unsafe fn shr_16<const N: u32>(self) -> Self {
        Self::of_16(vshlq_u16(self.as_16(), vdupq_n_s16(-(N as i16))))
    }

    #[inline(always)]
    unsafe fn shl_16<const N: u32>(self) -> Self {
        Self::of_16(vshlq_u16(self.as_16(), vdupq_n_s16(N as i16)))
    }

    #[inline(always)]
    unsafe fn sar_32<const N: u32>(self) -> Self {
        Self::of_32(vshlq_s32(self.as_32(), vdupq_n_s32(-(N as i32))))
    }

    #[inline(always)]
    unsafe fn shuffle(self, from: [i8; 16]) -> Self {
        Self::of(vqtbl1q_u8(self.0, vld1q_u8(from.as_ptr().cast())))
    }

    #[inline(always)]
    unsafe fn zip_low<const N: usize>(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self::of(match N {
            1 => vzip1q_u8(a, b),
            2 => vreinterpretq_u8_u16(vzip1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b))),
            4 => vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b))),
            _ => vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b))),
        })
    }

    #[inline(always)]
    unsafe fn zip_high<const N: usize>(self, other: Self) -> Self {
        let (a, b) = (self.0, other.0);
        Self::of(match N {
            1 => vzip2q_u8(a, b),
            2 => vreinterpretq_u8_u16(vzip2q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b))),
            4 => vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b))),
            _ => vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b))),
        })
    }

    #[inline(always)]
    unsafe fn add_32(self, other: Self) -> Self {
        Self::of_32(vaddq_s32(self.as_32(), other.as_32()))
    }

    #[inline(always)]
    unsafe fn to_floats(self) -> F32x4 {
        F32x4(vcvtq_f32_s32(self.as_32()))
    }

    #[inline(always)]
    unsafe fn signed(self) -> Self {
        self
    }

    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(self, codes: Self, x: Self) -> Self {
        Self::of_32(D::dot(self.as_32(), codes.as_signed(), x.as_signed()))
    }

    #[inline(always)]
    unsafe fn decode(dtype: DType, bytes: &[u8], to: &mut Codes) {
        decode(dtype, bytes, to);
    }

    #[inline(always)]
    unsafe fn high_nibbles(self) -> Self {
        Self::of(vshrq_n_u8::<4>(self.0))
    }
}
