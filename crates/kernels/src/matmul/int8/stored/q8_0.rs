//! `Q8_0`: see [`crate::blocks`].

use super::super::bytes::Bytes;
use super::super::row_strip::Rows;
use super::{Affine, MOST_RUNS, Stored, UnpackedStep, runs, scale_of_block};

const BLOCK: usize = 34;

#[derive(Clone, Copy)]
pub(crate) struct Q8_0;

impl<B: Bytes> Stored<B> for Q8_0 {
    const GROUP: usize = 32;
    const SIGNED: bool = true;
    const MOST: i32 = 128;
    const ZERO_POINT: i32 = B::BIAS;
    const RUNS: usize = 2;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / 32 * BLOCK
    }

    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &UnpackedStep<B>, q: usize, block: usize) -> [B; MOST_RUNS] {
        let first = B::load(rows, q, block * BLOCK + 2).signed();
        let second = B::load(rows, q, block * BLOCK + 18).signed();
        runs([first, second])
    }

    #[inline(always)]
    unsafe fn group(self, rows: Rows, _: &UnpackedStep<B>, g: usize) -> Affine<B::Floats> {
        scale_of_block::<B>(rows, BLOCK, g)
    }
}
