//! One register of floats, as each instruction-set level has it, so that every kernel is written once.
//!
//! # Safety
//! All of it shares one contract: the processor has the level's features, and pointers are good for the lanes that the
//! call touches. Everything is `#[inline(always)]` and carries no `#[target_feature]` itself: it takes on the features
//! of the entry point in [`crate::kernels`] into which it is inlined. Closures would not, so the kernels use none.
#![allow(unsafe_op_in_unsafe_fn)] // each body is one operation under the contract above

mod math;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(crate) use math::{exp2, gelu, gelu_tanh, sigmoid, silu, soft_cap, softplus};
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::F32x4;
pub(crate) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{F32x8, F32x16, transposed};

/// `LANES` floats. Arithmetic is IEEE single precision; every level rounds each operation once.
pub(crate) trait Vector: Copy {
    const LANES: usize;

    unsafe fn splat(value: f32) -> Self;
    /// No alignment needed, here and below.
    unsafe fn load(from: *const f32) -> Self;
    /// The first `n` lanes from memory, the others 0; touches no more than `n` floats.
    unsafe fn load_partial(from: *const f32, n: usize) -> Self;
    /// Signed bytes, widened.
    unsafe fn load_i8(from: *const i8) -> Self;
    /// Half-precision numbers, widened.
    unsafe fn load_f16(from: *const u8) -> Self;
    /// Upper halves of singles, widened.
    unsafe fn load_bf16(from: *const u8) -> Self;
    /// The first `n < LANES` half-precision numbers, widened, the other lanes 0; touches no more than those.
    unsafe fn load_f16_partial(from: *const u8, n: usize) -> Self;
    /// The first `n < LANES` upper halves of singles, widened, the other lanes 0; touches no more than those.
    unsafe fn load_bf16_partial(from: *const u8, n: usize) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Writes the first `n` lanes.
    unsafe fn store_partial(self, to: *mut f32, n: usize);

    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    /// `self * factor + addend`; rounded once where the level has the instruction, twice at the portable level.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The greater; `other` if either is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// The lesser; `other` if either is NaN.
    unsafe fn min(self, other: Self) -> Self;
    /// To the nearest integer, ties to even.
    unsafe fn round(self) -> Self;
    /// `2^self` for integers from -126 to 127.
    unsafe fn pow2(self) -> Self;
    /// Lane by lane `yes` where `self < than`, else `no` (also for NaN).
    unsafe fn if_less(self, than: Self, yes: Self, no: Self) -> Self;

    /// The sum of all lanes: upper half onto lower half until one is left.
    unsafe fn sum(self) -> f32;

    /// The sum of each of `R` registers, side by side: the same bits as [`Vector::sum`].
    #[inline(always)]
    unsafe fn store_sums<const R: usize>(registers: &[Self; R], to: *mut f32) {
        let mut i = 0;
        while i < R {
            to.add(i).write(registers[i].sum());
            i += 1;
        }
    }

    /// Writes the square of `LANES` rows and columns at `from` with rows as columns; `stride` and `to_stride` are floats
    /// from one row to the next.
    #[inline(always)]
    unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
        let mut row = 0;
        while row < Self::LANES {
            let mut column = 0;
            while column < Self::LANES {
                to.add(column * to_stride + row).write(*from.add(row * stride + column));
                column += 1;
            }
            row += 1;
        }
    }

    /// Asks for a cache line, into the first level. Any address is allowed.
    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        let _ = from;
    }

    #[inline(always)]
    unsafe fn zero() -> Self {
        Self::splat(0.0)
    }
}
