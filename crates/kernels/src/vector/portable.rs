//! Eight lanes in plain Rust: the reference level, on every architecture.

use half::bf16;

use super::Vector;
use crate::blocks::half;

/// What the compiler makes of it depends on the target's baseline: two SSE registers on x86-64.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub(crate) struct Portable([f32; 8]);

/// Applies an operation to each lane of its operands.
macro_rules! lanewise {
    ($($operand:ident),*; $op:expr) => { Portable(std::array::from_fn(|i| $op($($operand.0[i]),*))) };
}

impl Vector for Portable {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Portable([value; 8])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Portable(from.cast::<[f32; 8]>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn load_partial(from: *const f32, n: usize) -> Self {
        let mut lanes = [0.0; 8];
        // As bytes: weights in a file are not aligned to their type.
        std::ptr::copy_nonoverlapping(from.cast::<u8>(), lanes.as_mut_ptr().cast::<u8>(), n * size_of::<f32>());
        Portable(lanes)
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        Portable(from.cast::<[i8; 8]>().read().map(f32::from))
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self {
        Portable(from.cast::<[[u8; 2]; 8]>().read_unaligned().map(|bytes| half(u16::from_le_bytes(bytes))))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self {
        Portable(from.cast::<[[u8; 2]; 8]>().read_unaligned().map(|bytes| bf16::from_le_bytes(bytes).to_f32()))
    }

    #[inline(always)]
    unsafe fn load_f16_partial(from: *const u8, n: usize) -> Self {
        Self::load_f16(first_halves(from, n).as_ptr())
    }

    #[inline(always)]
    unsafe fn load_bf16_partial(from: *const u8, n: usize) -> Self {
        Self::load_bf16(first_halves(from, n).as_ptr())
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        to.cast::<[f32; 8]>().write_unaligned(self.0);
    }

    #[inline(always)]
    unsafe fn store_partial(self, to: *mut f32, n: usize) {
        std::ptr::copy_nonoverlapping(self.0.as_ptr(), to, n);
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        lanewise!(self, other; |a: f32, b: f32| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        lanewise!(self, other; |a: f32, b: f32| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        lanewise!(self, other; |a: f32, b: f32| a * b)
    }

    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        lanewise!(self, other; |a: f32, b: f32| a / b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        lanewise!(self, factor, addend; |a: f32, b: f32, c: f32| a * b + c)
    }

    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        lanewise!(self, other; |a: f32, b: f32| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        lanewise!(self, other; |a: f32, b: f32| if a < b { a } else { b })
    }

    #[inline(always)]
    unsafe fn round(self) -> Self {
        lanewise!(self; f32::round_ties_even)
    }

    #[inline(always)]
    unsafe fn pow2(self) -> Self {
        lanewise!(self; |n: f32| f32::from_bits(((n as i32 + 127) as u32) << 23))
    }

    #[inline(always)]
    unsafe fn if_less(self, than: Self, yes: Self, no: Self) -> Self {
        lanewise!(self, than, yes, no; |a: f32, b: f32, yes: f32, no: f32| if a < b { yes } else { no })
    }

    #[inline(always)]
    unsafe fn sum(self) -> f32 {
        let [a, b, c, d, e, f, g, h] = self.0;
        ((a + e) + (c + g)) + ((b + f) + (d + h))
    }
}

/// The first `n` two-byte values, then zeros.
#[inline(always)]
unsafe fn first_halves(from: *const u8, n: usize) -> [u8; 16] {
    let mut bytes = [0u8; 16];
    std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), 2 * n);
    bytes
}
