//! `Q8_0`: see [`crate::blocks`].

use super::super::bytes::Bytes;
use super::super::rows::Rows;
use super::{Opened, Stored, collect_scales, open_scales};

const BLOCK: usize = 34;

#[derive(Clone, Copy)]
pub(crate) struct Q8_0;

impl<B: Bytes> Stored<B> for Q8_0 {
    const GROUP: usize = 32;
    const SIGNED: bool = true;
    const MOST: i32 = 128;
    const ZERO: i32 = B::BIAS;
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
        let first = B::load(rows, q, block * BLOCK + 2).signed();
        let second = B::load(rows, q, block * BLOCK + 18).signed();
        [first, second, B::zero(), B::zero()]
    }
}
