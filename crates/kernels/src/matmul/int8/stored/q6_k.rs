//! `Q6_K`: see [`crate::blocks`]. Each half of 128 values has 64 bytes of nibbles and 32 of upper bit pairs.

use super::super::bytes::Bytes;
use super::super::integer_scales::Scales;
use super::super::row_strip::Rows;
use super::{Affine, MOST_RUNS, Stored, UnpackedStep};
use crate::blocks::STEP;
use crate::vector::Vector;

const UPPER: usize = 128;
const SCALES: usize = 192;
const D: usize = 208;
const BLOCK: usize = 210;

#[derive(Clone, Copy)]
pub(crate) struct Q6K;

impl<B: Bytes> Stored<B> for Q6K {
    const GROUP: usize = 16;
    const INTEGER_SCALES: bool = true;
    const SIGNED_SCALES: bool = true;
    const MOST: i32 = 63;
    const ZERO_POINT: i32 = 32;
    const RUNS: usize = 8;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / STEP * BLOCK
    }

    #[inline(always)]
    unsafe fn unpack_shared(self, rows: Rows, _: usize, to: &mut UnpackedStep<B>) {
        let codes =
            [B::load(rows, 0, SCALES), B::load(rows, 1, SCALES), B::load(rows, 2, SCALES), B::load(rows, 3, SCALES)];
        B::Scales::unpack::<Self>(codes, to);
        to.block = Affine { scale: B::halves(rows, D), offset: B::Floats::zero() };
    }

    /// A half.
    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &UnpackedStep<B>, q: usize, half: usize) -> [B; MOST_RUNS] {
        let mut codes = [B::zero(); MOST_RUNS];
        let pairs = B::splat(0x30);
        let mut i = 0;
        while i < 2 {
            let first = B::load(rows, q, 64 * half + 16 * i);
            let second = B::load(rows, q, 64 * half + 32 + 16 * i);
            let upper = B::load(rows, q, UPPER + 32 * half + 16 * i);
            codes[i] = first.low_nibbles().or(upper.shl_16::<4>().and(pairs));
            codes[2 + i] = second.low_nibbles().or(upper.shl_16::<2>().and(pairs));
            codes[4 + i] = first.high_nibbles().or(upper.and(pairs));
            codes[6 + i] = second.high_nibbles().or(upper.shr_16::<2>().and(pairs));
            i += 1;
        }
        codes
    }
}
