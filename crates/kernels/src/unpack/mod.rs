//! Weights from their stored form into registers.
//!
//! A type is fast at a level once it implements [`Unpack`] there (one file per type for x86, one for NEON) and stands in
//! that level's [`crate::simd_level::SimdLevel::with`]; every other type goes through [`Coded`].
//!
//! # Safety
//! As in [`crate::vector`]; in addition `src` is good for the bytes of one step.
#![allow(unsafe_op_in_unsafe_fn)]

mod coded;
#[cfg(target_arch = "x86_64")]
mod decode;
mod float;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod q4_0;
#[cfg(target_arch = "x86_64")]
mod q4_k;
#[cfg(target_arch = "x86_64")]
mod q6_k;
#[cfg(target_arch = "x86_64")]
mod q8_0;

pub(crate) use coded::{Coded, Decode};
#[cfg(target_arch = "x86_64")]
pub(crate) use decode::{InRegisters, Iq4Nl, Mxfp4, Q4_1, Q5_0, Q5_1, decode_avx2, decode_avx512};
pub(crate) use float::{Bf16, Element, F16, F32};

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

use crate::DType;
use crate::vector::Vector;
#[cfg(target_arch = "x86_64")]
use crate::vector::{F32x8, F32x16};

/// How one stored type becomes registers at one level: to the same bits as [`crate::dequantise`].
pub(crate) trait Unpack<V: Vector>: Copy {
    fn dtype(self) -> DType;
    /// Values in one step: a block, or for floats as many as a register holds. A multiple of `V::LANES`.
    #[inline(always)]
    fn values(self) -> usize {
        self.dtype().block_len()
    }
    /// Bytes in one step.
    #[inline(always)]
    fn bytes(self) -> usize {
        self.dtype().block_bytes()
    }
    /// What the parts of a step share, such as its scales.
    type Shared: Copy;
    /// Parts of a step: rows that are read side by side take turns after each, which hides the latency of their sums.
    const PARTS: usize;
    /// Reads what the parts of the step at `src` share.
    unsafe fn load_shared(self, src: *const u8) -> Self::Shared;
    /// Where `part` reads `shared` from; see [`in_memory`].
    #[inline(always)]
    fn spill(shared: &Self::Shared) -> &Self::Shared {
        shared
    }
    /// Hands part `part` of the step at `src` to `sink`, a register at a time, first values first.
    unsafe fn part(self, src: *const u8, shared: &Self::Shared, part: usize, sink: &mut impl Sink<V>);
    /// The whole step at `src`.
    #[inline(always)]
    unsafe fn step(self, src: *const u8, sink: &mut impl Sink<V>) {
        let shared = self.load_shared(src);
        let shared = Self::spill(&shared);
        let mut part = 0;
        while part < Self::PARTS {
            self.part(src, shared, part, sink);
            part += 1;
        }
    }
    /// The last `n < values()` values of a row, then zeros. Only floats end within a step.
    unsafe fn rest(self, src: *const u8, n: usize) -> V {
        let _ = (src, n);
        unreachable!("blocks divide their rows")
    }
}

/// `Q8_0`, unpacked in registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(crate) struct Q8_0;
/// `Q4_0`, unpacked in registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(crate) struct Q4_0;
/// `Q4_K`, unpacked in registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(crate) struct Q4K;
/// `Q6_K`, unpacked in registers.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[derive(Clone, Copy)]
pub(crate) struct Q6K;

/// What is done with each register of unpacked weights.
pub(crate) trait Sink<V: Vector> {
    /// Takes register `i` of the step.
    unsafe fn put(&mut self, i: usize, weights: V);
}

/// Writes the weights out.
pub(crate) struct Store(pub *mut f32);

impl<V: Vector> Sink<V> for Store {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, weights: V) {
        weights.store(self.0.add(i * V::LANES));
    }
}

/// Something to do with weights whose type has been looked up.
pub(crate) trait Visit<V: Vector> {
    unsafe fn visit<U: Unpack<V>>(self, unpack: U);
}

/// The half-precision number at `src` in every lane.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn half_x8(src: *const u8) -> F32x8 {
    F32x8(_mm256_cvtph_ps(_mm_set1_epi16(src.cast::<i16>().read_unaligned())))
}

/// The half-precision number at `src` in every lane.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn half_x16(src: *const u8) -> F32x16 {
    F32x16(_mm512_cvtph_ps(_mm256_set1_epi16(src.cast::<i16>().read_unaligned())))
}

/// The same scales, hidden from the optimiser: from memory one spreads over a register as it is loaded, whereas out of a
/// register it would take two shuffles.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn in_memory<T>(scales: &T) -> &T {
    std::hint::black_box(scales)
}
