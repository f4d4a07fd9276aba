//! `MXFP4`: see [`crate::blocks`]; the second sixteen values of a block lie in the high nibbles, each a number of a level.

use super::super::bytes::Bytes;
use super::super::row_strip::Rows;
use super::{Affine, MOST_RUNS, Stored, UnpackedStep, runs};
use crate::blocks::DOUBLED_E2M1;
use crate::vector::Vector;

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
    unsafe fn part(self, rows: Rows, _: &UnpackedStep<B>, q: usize, block: usize) -> [B; MOST_RUNS] {
        let packed = B::load(rows, q, block * BLOCK + 1);
        runs([packed.low_nibbles().look_up(CODES), packed.high_nibbles().look_up(CODES)])
    }

    #[inline(always)]
    unsafe fn group(self, rows: Rows, _: &UnpackedStep<B>, g: usize) -> Affine<B::Floats> {
        Affine { scale: B::powers(rows, g * BLOCK), offset: B::Floats::zero() }
    }
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::super::lane;
    use super::*;
    use crate::Isa;
    use crate::blocks::half_e8m0;
    use crate::matmul::int8;

    /// Every power, in rows that follow each other.
    fn hold<B: Bytes>() {
        let bytes: Vec<u8> = (0..=255u8).flat_map(|e| [e, !e]).collect();
        for first in (0..256).step_by(B::ROWS) {
            // SAFETY: as many rows of two bytes lie behind the first, and the caller has the level.
            let mut powers = unsafe { B::powers(Rows { base: bytes[2 * first..].as_ptr(), stride: 2 }, 0) };
            for row in 0..B::ROWS {
                // SAFETY: a register has a lane for each row.
                let found = unsafe { lane(&mut powers, row).read() };
                assert_eq!(found.to_bits(), half_e8m0((first + row) as u8).to_bits(), "{}", first + row);
            }
        }
    }

    #[test]
    fn every_power_is_read_at_every_level_that_is_here() {
        for isa in Isa::available() {
            match isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => hold::<int8::avx2::U8x32>(),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 => hold::<int8::avx512::U8x64>(),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon => hold::<int8::neon::U8x16<int8::neon::Widening>>(),
                _ => {}
            }
        }
    }
}
