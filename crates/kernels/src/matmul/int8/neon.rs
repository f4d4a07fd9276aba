//! Registers of 16 bytes: lanes of 16 are whole registers, a strip is four rows.

use std::arch::aarch64::*;
use std::arch::asm;
use std::marker::PhantomData;

use super::bytes::Bytes;
use super::gemm::{self, STRIPS};
use super::integer_scales::ScaleInFloats;
use super::row_strip::Rows;
use super::stored::Stored;
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

    /// See [`Bytes::arrange`].
    #[inline(always)]
    unsafe fn arrange(rows: [U8x16<Self>; 4]) -> [U8x16<Self>; 4] {
        Bytes::transpose(rows)
    }

    /// See [`Bytes::group`].
    #[inline(always)]
    unsafe fn group<S: Stored<U8x16<Self>>, const T: usize>(
        codes: [*const U8x16<Self>; STRIPS],
        x: [*const i8; T],
    ) -> [[U8x16<Self>; STRIPS]; T] {
        gemm::by_dots::<U8x16<Self>, S, T>(S::GROUP / 4, codes, x)
    }
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

/// `smmla` beside [`Sdot`]: eight codes of two rows times eight of two tokens, twice the products of an instruction.
/// The caller has the features.
#[derive(Clone, Copy)]
pub(crate) struct Smmla;

impl DotProduct for Smmla {
    #[inline(always)]
    unsafe fn dot(sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
        Sdot::dot(sums, a, b)
    }

    /// Eight codes of rows 0 and 1, the same codes of rows 2 and 3, then the next eight of each.
    #[inline(always)]
    unsafe fn arrange([a, b, c, d]: [U8x16<Self>; 4]) -> [U8x16<Self>; 4] {
        [a.zip_low::<8>(b), c.zip_low::<8>(d), a.zip_high::<8>(b), c.zip_high::<8>(d)]
    }

    /// Tokens go in pairs, an odd last one with itself.
    #[inline(always)]
    unsafe fn group<S: Stored<U8x16<Self>>, const T: usize>(
        codes: [*const U8x16<Self>; STRIPS],
        x: [*const i8; T],
    ) -> [[U8x16<Self>; STRIPS]; T] {
        let mut sums = [[[vdupq_n_s32(0); 2]; STRIPS]; T]; // those of a pair at its first token
        let mut eight = 0;
        while eight < S::GROUP / 8 {
            let mut t = 0;
            while t < T {
                let second = if t + 1 < T { t + 1 } else { t };
                let pair = vcombine_s8(vld1_s8(x[t].add(8 * eight)), vld1_s8(x[second].add(8 * eight)));
                let mut strip = 0;
                while strip < STRIPS {
                    let rows = codes[strip].add(2 * eight);
                    sums[t][strip][0] = smmla(sums[t][strip][0], pair, (*rows).as_signed());
                    sums[t][strip][1] = smmla(sums[t][strip][1], pair, (*rows.add(1)).as_signed());
                    strip += 1;
                }
                t += 2;
            }
            eight += 1;
        }
        let mut products = [[Bytes::zero(); STRIPS]; T];
        let mut t = 0;
        while t < T {
            let mut strip = 0;
            while strip < STRIPS {
                let [first, second] = sums[t / 2 * 2][strip];
                let (first, second) = (U8x16::<Self>::of_32(first), U8x16::of_32(second));
                products[t][strip] = if t % 2 == 0 { first.zip_low::<8>(second) } else { first.zip_high::<8>(second) };
                strip += 1;
            }
            t += 1;
        }
        products
    }
}

/// Onto `sums[2 i + j]`, the products of eight bytes: half `i` of `a` with half `j` of `b`.
#[inline(always)]
unsafe fn smmla(mut sums: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    asm!(
        "smmla {sums:v}.4s, {a:v}.16b, {b:v}.16b",
        sums = inout(vreg) sums, a = in(vreg) a, b = in(vreg) b,
        options(pure, nomem, nostack, preserves_flags)
    );
    sums
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

/// One copy for all kernels.
#[inline(never)]
fn decode_neon(dtype: DType, bytes: &[u8], to: &mut Codes) {
    decode(dtype, bytes, to);
}

impl<D: DotProduct> Bytes for U8x16<D> {
    type Floats = F32x4;
    type Scales = ScaleInFloats;
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
    unsafe fn look_up(self, table: [i8; 16]) -> Self {
        Self::of(vqtbl1q_u8(vld1q_u8(table.as_ptr().cast()), self.0))
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
    unsafe fn arrange(rows: [Self; 4]) -> [Self; 4] {
        D::arrange(rows)
    }

    #[inline(always)]
    unsafe fn group<S: Stored<Self>, const T: usize>(
        codes: [*const Self; STRIPS],
        x: [*const i8; T],
    ) -> [[Self; STRIPS]; T] {
        D::group::<S, T>(codes, x)
    }

    #[inline(always)]
    unsafe fn decode(dtype: DType, bytes: &[u8], to: &mut Codes) {
        decode_neon(dtype, bytes, to);
    }

    #[inline(always)]
    unsafe fn high_nibbles(self) -> Self {
        Self::of(vshrq_n_u8::<4>(self.0))
    }
}
