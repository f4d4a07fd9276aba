//! `MXFP4`: see [`crate::blocks`]; the second sixteen values of a block lie in the high nibbles, each a number of a level.

use super::super::bytes::Bytes;
use super::super::row_strip::Rows;
use super::{MOST_RUNS, Stored, UnpackedStep, lane, runs};
use crate::blocks::{DOUBLED_E2M1, half_e8m0};

const BLOCK: usize = 17;
/// The greatest magnitude of a level.
const GREATEST: i8 = 12;

/// The levels, with this added so that none is negative.
const CODES: [i8; 16] = {
    let (mut codes, mut i) = (DOUBLED_E2M1, 0);
    while i < codes.len() {
        codes[i] += GREATEST;
        i += 1;
    }
    codes
};

/// [`half_e8m0`] of every byte.
static SCALES: [f32; 256] = {
    let (mut scales, mut e) = ([0.0; 256], 0);
    while e < scales.len() {
        scales[e] = half_e8m0(e as u8);
        e += 1;
    }
    scales
};

#[derive(Clone, Copy)]
pub(crate) struct Mxfp4;

impl<B: Bytes> Stored<B> for Mxfp4 {
    const GROUP: usize = 32;
    const MOST: i32 = 2 * GREATEST as i32;
    const ZERO_POINT: i32 = GREATEST as i32;
    const RUNS: usize = 2;

    #[inline(always)]
    fn bytes(self, values: usize) -> usize {
        values / 32 * BLOCK
    }

    #[inline(always)]
    unsafe fn unpack_shared(self, rows: Rows, values: usize, to: &mut UnpackedStep<B>) {
        let mut row = 0;
        while row < B::ROWS {
            let mut block = rows.row(row);
            for group in &mut to.groups[..values / 32] {
                lane(&mut group.scale, row).write(SCALES[usize::from(*block)]);
                block = block.wrapping_add(BLOCK);
            }
            row += 1;
        }
    }

    #[inline(always)]
    unsafe fn part(self, rows: Rows, _: &UnpackedStep<B>, q: usize, block: usize) -> [B; MOST_RUNS] {
        let packed = B::load(rows, q, block * BLOCK + 1);
        runs([packed.low_nibbles().look_up(CODES), packed.high_nibbles().look_up(CODES)])
    }
}
