//! `Q4_0`: see [`crate::blocks`]; the second sixteen values of a block lie in the high nibbles.

use super::super::bytes::Bytes;
use super::super::row_strip::Rows;
use super::{Affine, MOST_RUNS, Stored, UnpackedStep, runs, scale_of_block};

const BLOCK: usize = 18;

#[derive(Clone, Copy)]
pub(crate) struct Q4_0;

impl<B: Bytes> Stored<B> for Q4_0 {
    const GROUP: usize = 32;
    const MOST: i32 = 15;
    const ZERO_POINT: i32 = 8;
    const RUNS: usize = 2;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / 32 * BLOCK
    }

    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &UnpackedStep<B>, q: usize, block: usize) -> [B; MOST_RUNS] {
        let packed = B::load(rows, q, block * BLOCK + 2);
        runs([packed.low_nibbles(), packed.high_nibbles()])
    }

    #[inline(always)]
    unsafe fn group(self, rows: Rows, _: &UnpackedStep<B>, g: usize) -> Affine<B::Floats> {
        scale_of_block::<B>(rows, BLOCK, g)
    }
}
