//! `Q4_K`: see [`crate::blocks`]; a pair of groups shares 32 bytes, low nibbles and high.

use super::super::bytes::Bytes;
use super::super::integer_scales::Scales;
use super::super::row_strip::Rows;
use super::{Affine, MOST_RUNS, Stored, UnpackedStep, runs};
use crate::blocks::STEP;
use crate::vector::Vector;

const BLOCK: usize = 144;

#[derive(Clone, Copy)]
pub(crate) struct Q4K;

impl<B: Bytes> Stored<B> for Q4K {
    const GROUP: usize = 32;
    const OFFSETS: bool = true;
    const INTEGER_SCALES: bool = true;
    const MOST: i32 = 15;
    const ZERO_POINT: i32 = 0;
    const RUNS: usize = 4;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / STEP * BLOCK
    }

    #[inline(always)]
    unsafe fn unpack_shared(self, rows: Rows, _: usize, to: &mut UnpackedStep<B>) {
        let codes = [
            codes_of_groups(B::load(rows, 0, 0)),
            codes_of_groups(B::load(rows, 1, 0)),
            codes_of_groups(B::load(rows, 2, 0)),
            codes_of_groups(B::load(rows, 3, 0)),
        ];
        B::Scales::unpack::<Self>(codes, to);
        let codes = B::transpose_bytes(codes);
        let mut g = 0;
        while g < 8 {
            to.groups[g].offset = codes[2 + g / 4].widen(g % 4).to_floats();
            g += 1;
        }
        to.block = Affine { scale: B::halves(rows, 0), offset: B::Floats::splat(-1.0).mul(B::halves(rows, 2)) };
    }

    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &UnpackedStep<B>, q: usize, pair: usize) -> [B; MOST_RUNS] {
        let first = B::load(rows, q, 16 + 32 * pair);
        let second = B::load(rows, q, 32 + 32 * pair);
        runs([first.low_nibbles(), second.low_nibbles(), first.high_nibbles(), second.high_nibbles()])
    }
}

/// The eight 6-bit scales, then the eight minima, a byte each: see [`crate::blocks`], `k_scales`.
#[inline(always)]
unsafe fn codes_of_groups<B: Bytes>(header: B) -> B {
    // Scales 0..4 and minima 0..4 are bytes; the others' low bits are the low and the high nibbles of the last four.
    let bytes = header.shuffle([4, 5, 6, 7, 12, 13, 14, 15, 8, 9, 10, 11, -1, -1, -1, -1]);
    let low = bytes.and(B::repeat_16([63u8, 63, 63, 63, 15, 15, 15, 15, 63, 63, 63, 63, 0, 0, 0, 0].as_ptr()));
    let nibbles = header.shuffle([-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 12, 13, 14, 15]).high_nibbles();
    let high = header.shuffle([-1, -1, -1, -1, 4, 5, 6, 7, -1, -1, -1, -1, 8, 9, 10, 11]);
    low.or(nibbles).or(high.shr_16::<2>().and(B::splat(0x30)))
}
