//! BF16: upper halves of singles, two to a 32-bit lane. Each row has four registers of running sums: a step adds to the
//! first two the values 0, 2, … and 1, 3, … of its first 32, to the others those of its last 32. They are added in pairs,
//! then their lanes.

use std::arch::x86_64::*;

use super::inputs::Step;
use super::{Stored, Sum};
use crate::vector::{F32x16, Vector};

/// Values of a step.
pub(super) const VALUES: usize = 64;
/// Bytes of a step of a token: its values in f32.
pub(super) const STEP_LEN: usize = 4 * VALUES;

pub(super) struct Bf16;

impl Stored for Bf16 {
    type Sum = [F32x16; 4];
    const BYTES: usize = 2 * VALUES;
    const WHOLE: usize = 96;
    const PART: usize = 16;

    #[inline(always)]
    unsafe fn add<const T: usize>(mut sums: [Self::Sum; T], w: *const u8, x: Step) -> [Self::Sum; T] {
        let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
        let mut i = 0;
        while i < 2 {
            let pairs = _mm512_loadu_si512(w.add(64 * i).cast());
            let even = F32x16(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(pairs)));
            let odd = F32x16(_mm512_castsi512_ps(_mm512_and_si512(pairs, upper)));
            let mut t = 0;
            while t < T {
                sums[t][2 * i] = even.mul_add(x.floats(t, 2 * i), sums[t][2 * i]);
                sums[t][2 * i + 1] = odd.mul_add(x.floats(t, 2 * i + 1), sums[t][2 * i + 1]);
                t += 1;
            }
            i += 1;
        }
        sums
    }
}

impl Sum for [F32x16; 4] {
    #[inline(always)]
    unsafe fn zero() -> Self {
        [Vector::zero(); 4]
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        self[0].add(self[1]).add(self[2].add(self[3])).sum()
    }
}

/// Writes the record of one token: of each 32 values the even ones, then the odd.
#[inline(always)]
pub(super) unsafe fn arrange(x: &[f32], record: *mut f32) {
    let mut i = 0;
    while i < x.len().next_multiple_of(VALUES) {
        let value = if i < x.len() { x[i] } else { 0.0 };
        record.add(i / 32 * 32 + i % 2 * 16 + i % 32 / 2).write(value);
        i += 1;
    }
}
