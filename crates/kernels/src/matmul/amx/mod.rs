//! Products on the matrix unit, in bf16: prompts at the `amx` level.
//!
//! Weights are operand A of [`tiles`], row-major as they are stored; activations are operand B, [`pack`]ed once for all
//! products of a call. A sum takes its products in the order of the inputs, two running sums (even and odd inputs) for
//! each 32 of them, so that it does not depend on what else the call computes.

pub(crate) mod gemm;
pub(crate) mod pack;
pub(crate) mod tiles;

use tiles::{Block, MatrixUnit, Operand, ROW_BYTES, Sums, TILE_BYTES};

/// Multiplies a block of two by two tiles out of the first-level cache `blocks` times, [`PROBE_STEPS`] steps each.
///
/// # Safety
/// [`crate::Isa::Amx`] is available.
pub(crate) unsafe fn multiply_tiles(blocks: usize) {
    #[repr(align(64))] // a tile row is one cache line
    struct Lines<T>(T);
    let mut operand = Lines([0u8; 2 * TILE_BYTES]);
    for (i, value) in operand.0.as_chunks_mut().0.iter_mut().enumerate() {
        // Various numbers from 1 to 2: the more bits change, the slower the unit is clocked.
        *value = (0x3f80 | (i * 37 % 128) as u16).to_le_bytes();
    }
    let mut sums = Lines([0.0f32; TILE_BYTES]);
    let at = Operand { at: operand.0.as_ptr(), row: ROW_BYTES, step: 0, next: TILE_BYTES };
    let c = Sums { at: sums.0.as_mut_ptr(), row: ROW_BYTES, down: 2 * TILE_BYTES, right: TILE_BYTES };
    // SAFETY: the caller's promise; every tile lies within the arrays.
    unsafe {
        let unit = MatrixUnit::on();
        for _ in 0..blocks {
            unit.multiply_2x2(&Block { a: at, b: at, c, steps: PROBE_STEPS, first: true });
        }
    }
    std::hint::black_box(sums.0);
}

/// Steps of a probed block.
pub(crate) const PROBE_STEPS: usize = 64;
/// Operations of a step of two by two tiles; a multiply-add counts two.
pub(crate) const STEP_OPERATIONS: usize = 2 * 32 * 32 * 32;
