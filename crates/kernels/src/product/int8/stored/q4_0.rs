//! `Q4_0`: see [`crate::blocks`]; the second sixteen values of a block lie in the high nibbles.

use super::super::bytes::Bytes;
use super::super::rows::Rows;
use super::{Opened, Stored, collect_scales, open_scales};

const BLOCK: usize = 18;

#[derive(Clone, Copy)]
pub(crate) struct Q4_0;

impl<B: Bytes> Stored<B> for Q4_0 {
    const GROUP: usize = 32;
    const MOST: i32 = 15;
    const ZERO: i32 = 8;
    const RUNS: usize = 2;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / 32 * BLOCK
    }

    #[inline(always)]
    unsafe fn collect(self, rows: Rows, values: usize, to: &mut Opened<B>) {
        collect_scales(rows, BLOCK, values, to);
    }

    #[inline(always)]
    unsafe fn open(self, _: Rows, values: usize, to: &mut Opened<B>) {
        open_scales(values, to);
    }

    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &Opened<B>, q: usize, block: usize) -> [B; 4] {
        let packed = B::load(rows, q, block * BLOCK + 2);
        [packed.low_nibbles(), packed.high_nibbles(), B::zero(), B::zero()]
    }
}
