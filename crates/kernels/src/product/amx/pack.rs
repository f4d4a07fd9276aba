//! Activations into the order of tiles, and sums out of it.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::arch::x86_64::*;

use super::tiles::{ROW_BYTES, SIDE, TILE_BYTES};
use crate::product::bf16::{BLOCK_INPUTS, BLOCK_TOKENS, PackTask};
use crate::vector::{F32x16, Vector};

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

/// Rows to columns.
#[inline(always)]
pub(crate) unsafe fn transposed(mut r: [__m512; SIDE]) -> [__m512; SIDE] {
    let mut i = 0;
    while i < SIDE {
        (r[i], r[i + 1]) = (_mm512_unpacklo_ps(r[i], r[i + 1]), _mm512_unpackhi_ps(r[i], r[i + 1]));
        i += 2;
    }
    let mut i = 0;
    while i < SIDE {
        let [a, b, c, d] = [r[i], r[i + 1], r[i + 2], r[i + 3]].map(|row| _mm512_castps_pd(row));
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        r[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        r[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
        i += 4;
    }
    // Register `4 i + j` now holds columns j, j + 4, j + 8 and j + 12 of rows `4 i ..`, a quarter each.
    const EVEN: i32 = 0b10_00_10_00;
    const ODD: i32 = 0b11_01_11_01;
    let mut j = 0;
    while j < 4 {
        let [a, b, c, d] = [r[j], r[j + 4], r[j + 8], r[j + 12]];
        let (even, odd) = (_mm512_shuffle_f32x4::<EVEN>(a, b), _mm512_shuffle_f32x4::<ODD>(a, b));
        let (even_below, odd_below) = (_mm512_shuffle_f32x4::<EVEN>(c, d), _mm512_shuffle_f32x4::<ODD>(c, d));
        r[j] = _mm512_shuffle_f32x4::<EVEN>(even, even_below);
        r[j + 4] = _mm512_shuffle_f32x4::<EVEN>(odd, odd_below);
        r[j + 8] = _mm512_shuffle_f32x4::<ODD>(even, even_below);
        r[j + 12] = _mm512_shuffle_f32x4::<ODD>(odd, odd_below);
        j += 1;
    }
    r
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
