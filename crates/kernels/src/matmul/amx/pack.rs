//! Activations into the order of tiles, and sums out of it.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::arch::x86_64::*;

use super::tiles::{ROW_BYTES, SIDE, TILE_BYTES};
use crate::matmul::bf16::{BLOCK_INPUTS, BLOCK_TOKENS, PackTask};
use crate::vector::{F32x16, Vector, transposed};

/// Rounds one block of tokens: each token's 32 inputs are a register of sixteen pairs, and the tile its transposition.
#[inline(always)]
pub(crate) unsafe fn pack(task: &PackTask) {
    let PackTask { x, to, block } = *task;
    let first = block * BLOCK_TOKENS;
    let tokens = BLOCK_TOKENS.min(to.n - first);
    let mut tile = to.at.0.cast::<u8>().add(block * to.steps() * TILE_BYTES);
    let mut step = 0;
    while step < to.steps() {
        let inputs = step * BLOCK_INPUTS;
        let left = (to.cols - inputs).min(BLOCK_INPUTS);
        let mut rows = [_mm512_setzero_ps(); SIDE];
        let mut token = 0;
        while token < tokens {
            let x = x.as_ptr().add((first + token) * to.cols + inputs);
            rows[token] = match left {
                BLOCK_INPUTS => pairs(F32x16::load(x), F32x16::load(x.add(16))),
                0..=16 => pairs(F32x16::load_partial(x, left), F32x16::zero()),
                _ => pairs(F32x16::load(x), F32x16::load_partial(x.add(16), left - 16)),
            };
            token += 1;
        }
        let pairs = transposed(rows);
        let mut row = 0;
        while row < SIDE {
            _mm512_storeu_ps(tile.add(row * ROW_BYTES).cast(), pairs[row]);
            row += 1;
        }
        tile = tile.add(TILE_BYTES);
        step += 1;
    }
}

/// Both registers rounded to bf16, `low` first: sixteen pairs, whose bits are in transit as floats.
#[inline(always)]
pub(crate) unsafe fn pairs(low: F32x16, high: F32x16) -> __m512 {
    std::mem::transmute::<__m512bh, __m512>(_mm512_cvtne2ps_pbh(high.0, low.0))
}

/// Writes a tile of sums, `(row, token)`, to the first `rows` floats of `tokens` tokens, `stride` floats apart.
#[inline(always)]
pub(super) unsafe fn store_transposed(tile: *const f32, rows: usize, tokens: usize, out: *mut f32, stride: usize) {
    let mut sums = [_mm512_setzero_ps(); SIDE];
    let mut row = 0;
    while row < SIDE {
        sums[row] = _mm512_loadu_ps(tile.add(row * SIDE));
        row += 1;
    }
    let sums = transposed(sums);
    let mut token = 0;
    while token < SIDE {
        if token < tokens && rows == SIDE {
            F32x16(sums[token]).store(out.add(token * stride));
        } else if token < tokens {
            F32x16(sums[token]).store_partial(out.add(token * stride), rows);
        }
        token += 1;
    }
}
