//! `Q6_K`: see [`crate::blocks`]. Each half of 128 values has 64 bytes of nibbles and 32 of upper bit pairs.

use super::super::bytes::Bytes;
use super::super::rows::Rows;
use super::{Opened, Stored, collect_halves, widened};
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
    const MOST: i32 = 63;
    const ZERO: i32 = 32;
    const RUNS: usize = 4;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / STEP * BLOCK
    }

    #[inline(always)]
    unsafe fn collect(self, rows: Rows, _: usize, to: &mut Opened<B>) {
        collect_halves(rows, D, 2, 1, to);
    }

    #[inline(always)]
    unsafe fn open(self, rows: Rows, _: usize, to: &mut Opened<B>) {
        let d = widened(to, 0);
        let codes = B::transpose_bytes([
            B::load(rows, 0, SCALES),
            B::load(rows, 1, SCALES),
            B::load(rows, 2, SCALES),
            B::load(rows, 3, SCALES),
        ]);
        let mut g = 0;
        while g < 16 {
            to.scales[g] = codes[g / 4].widen_signed(g % 4).to_floats().mul(d);
            g += 1;
        }
    }

    /// Of a half, bytes `16 (part % 2) ..` of each 32: a run of each quarter.
    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &Opened<B>, q: usize, part: usize) -> [B; 4] {
        let (half, run) = (part / 2, 16 * (part % 2));
        let first = B::load(rows, q, 64 * half + run);
        let second = B::load(rows, q, 64 * half + 32 + run);
        let upper = B::load(rows, q, UPPER + 32 * half + run);
        let pairs = B::splat(0x30);
        [
            first.low_nibbles().or(upper.shl_16::<4>().and(pairs)),
            second.low_nibbles().or(upper.shl_16::<2>().and(pairs)),
            first.high_nibbles().or(upper.and(pairs)),
            second.high_nibbles().or(upper.shr_16::<2>().and(pairs)),
        ]
    }

    #[inline(always)]
    fn run(part: usize, quarter: usize) -> usize {
        part / 2 * 8 + quarter * 2 + part % 2
    }
}
