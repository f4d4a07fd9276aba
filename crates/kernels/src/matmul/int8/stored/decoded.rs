//! Any block type, by way of its portable reference.

use super::super::bytes::Bytes;
use super::super::row_strip::Rows;
use super::{MOST_RUNS, Stored, UnpackedStep, lane, runs};
use crate::DType;

/// Decodes a step of every row into the first-level cache, then loads it from there.
#[derive(Clone, Copy)]
pub(crate) struct Decoded<const GROUP: usize, const OFFSETS: bool>(pub DType);

impl<B: Bytes, const GROUP: usize, const OFFSETS: bool> Stored<B> for Decoded<GROUP, OFFSETS> {
    const GROUP: usize = GROUP;
    const OFFSETS: bool = OFFSETS;
    const SIGNED: bool = true;
    const MOST: i32 = 128;
    const ZERO_POINT: i32 = B::BIAS;
    const RUNS: usize = 2;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / self.0.block_len() * self.0.block_bytes()
    }

    #[inline(always)]
    unsafe fn unpack_shared(self, rows: Rows, values: usize, to: &mut UnpackedStep<B>) {
        let bytes = Stored::<B>::bytes(self, values);
        for (row, decoded) in to.decoded[..B::ROWS].iter_mut().enumerate() {
            B::decode(self.0, std::slice::from_raw_parts(rows.row(row), bytes), decoded);
        }
        for group in 0..values / GROUP {
            for (row, decoded) in to.decoded[..B::ROWS].iter().enumerate() {
                lane(&mut to.groups[group].scale, row).write(decoded.scales[group]);
                if OFFSETS {
                    lane(&mut to.groups[group].offset, row).write(decoded.offsets[group]);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn part(self, _: Rows, unpacked: &UnpackedStep<B>, q: usize, part: usize) -> [B; MOST_RUNS] {
        let codes = Rows { base: unpacked.decoded[0].codes.as_ptr().cast(), stride: size_of_val(&unpacked.decoded[0]) };
        let first = B::load(codes, q, 32 * part).signed();
        let second = B::load(codes, q, 32 * part + 16).signed();
        runs([first, second])
    }
}
