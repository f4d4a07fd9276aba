//! Rows times all tokens, through panels of weights in tiles.
//!
//! A panel is 32 rows by [`K`] inputs, unpacked once and used for all tokens while it stays in the first-level cache;
//! the activations pass by from the second level, which the unit can take for one of its operands but not for both. The
//! next panel is unpacked a few rows at a time between blocks of tiles: the processor runs ahead of the unit, so that
//! most of it costs no time.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::arch::x86_64::_mm512_storeu_ps;
use std::ops::Range;

use super::pack::{pairs, store_transposed};
use super::tiles::{Block, DEPTH, MatrixUnit, Operand, ROW_BYTES, SIDE, Sums, TILE_BYTES};
use crate::Matrix;
use crate::level::Level;
use crate::product::bf16::Bf16Task;
use crate::unpack::{Sink, Unpack, Visit};
use crate::vector::{F32x16, Vector};

/// Rows of a panel: two tiles.
const ROWS: usize = 2 * SIDE;
/// Most inputs of a panel. With the activations that pass while it is used, two panels have to fit the first-level
/// cache; every block length divides it.
const K: usize = 256;
/// Floats of a panel's memory.
const PANEL: usize = ROWS * K / 2;
/// Floats of the sums of a panel and sixteen tokens.
const SUMS: usize = ROWS * SIDE;

/// Most rows that a task should have: their sums stay in the second-level cache.
pub(crate) const TASK_ROWS: usize = 256;

/// Floats of working memory that [`multiply`] wants.
pub(crate) fn scratch_len(rows: usize, n: usize) -> usize {
    2 * PANEL + rows.div_ceil(ROWS) * n.div_ceil(SIDE) * SUMS
}

/// Where a panel's weights come from.
#[derive(Clone, Copy)]
struct Source {
    /// First row, from the first of the matrix.
    row: usize,
    /// First input.
    k: usize,
}

#[inline(always)]
pub(crate) unsafe fn multiply(task: &Bf16Task, scratch: &mut [f32]) {
    let (panels, sums) = scratch.split_at_mut(2 * PANEL);
    let (mut panel, mut next) = (panels.as_mut_ptr(), panels.as_mut_ptr().add(PANEL));
    let unit = MatrixUnit::on();
    let mut from = Source { row: task.rows.start, k: 0 };
    unpack(task, from, 0..ROWS, panel);
    while from.k < task.w.cols() {
        let after = match from.row + ROWS {
            row if row < task.rows.end => Source { row, ..from },
            _ => Source { row: task.rows.start, k: from.k + K },
        };
        let (mut block, mut unpacked) = (0, 0);
        while block < task.x.blocks() {
            let blocks = (task.x.blocks() - block).min(2);
            multiply_block(&unit, task, from, panel, block, blocks, sums);
            block += blocks;
            let enough = ROWS * block / task.x.blocks();
            if after.k < task.w.cols() && unpacked < enough {
                unpack(task, after, unpacked..enough, next);
            }
            unpacked = enough;
        }
        (panel, next) = (next, panel);
        from = after;
    }
}

/// A panel times one or two blocks of tokens; with the last inputs, their sums go to the output.
#[inline(always)]
unsafe fn multiply_block(
    unit: &MatrixUnit,
    task: &Bf16Task,
    from: Source,
    panel: *const f32,
    block: usize,
    blocks: usize,
    sums: &mut [f32],
) {
    let (x, cols) = (&task.x, task.w.cols());
    let of_panel = (from.row - task.rows.start) / ROWS * x.blocks();
    let sums = sums.as_mut_ptr().add((of_panel + block) * SUMS);
    let token_bytes = x.steps() * TILE_BYTES;
    let tiles = Block {
        a: Operand { at: panel.cast(), row: ROW_BYTES, step: 2 * TILE_BYTES, next: TILE_BYTES },
        b: Operand {
            at: x.at.0.cast::<u8>().add(block * token_bytes + from.k / DEPTH * TILE_BYTES),
            row: ROW_BYTES,
            step: TILE_BYTES,
            next: token_bytes,
        },
        c: Sums { at: sums, row: ROW_BYTES, down: TILE_BYTES, right: 2 * TILE_BYTES },
        steps: K.min(cols - from.k).div_ceil(DEPTH),
        first: from.k == 0,
    };
    match blocks {
        2 => unit.multiply_2x2(&tiles),
        _ => unit.multiply_2x1(&tiles),
    }
    if from.k + K < cols {
        return;
    }
    let mut tile = 0;
    while tile < 2 * blocks {
        let (row, token) = (from.row + tile % 2 * SIDE, (block + tile / 2) * SIDE);
        if row < task.rows.end {
            let out = task.out.add(token * task.w.rows() + row);
            let (rows, tokens) = (SIDE.min(task.rows.end - row), SIDE.min(x.n - token));
            store_transposed(sums.add(tile * SIDE * SIDE), rows, tokens, out, task.w.rows());
        }
        tile += 1;
    }
}

/// Rows `part` of the panel `from`.
#[inline(always)]
unsafe fn unpack(task: &Bf16Task, from: Source, part: Range<usize>, panel: *mut f32) {
    F32x16::with(task.w.dtype(), Fill { w: task.w, end: task.rows.end, from, part, panel: panel.cast() });
}

struct Fill<'a> {
    w: &'a Matrix<'a>,
    /// Where the task's rows end: panel rows beyond repeat the last one, and nobody reads their sums.
    end: usize,
    from: Source,
    part: Range<usize>,
    panel: *mut u8,
}

impl Visit<F32x16> for Fill<'_> {
    #[inline(always)]
    unsafe fn visit<U: Unpack<F32x16>>(self, unpack: U) {
        let start = self.from.k / unpack.dtype().block_len() * unpack.dtype().block_bytes();
        let inputs = K.min(self.w.cols() - self.from.k);
        let mut row = self.part.start;
        while row < self.part.end {
            let mut src = self.w.row((self.from.row + row).min(self.end - 1)).as_ptr().add(start);
            let to = self.panel.add(row / SIDE * TILE_BYTES + row % SIDE * ROW_BYTES);
            let mut sink = Round { to, low: F32x16::zero() };
            let mut left = inputs;
            if unpack.values() == F32x16::LANES {
                while left >= 2 * F32x16::LANES {
                    unpack.step(src, &mut sink);
                    unpack.step(src.add(unpack.bytes()), &mut Second(&mut sink));
                    sink.to = sink.to.add(2 * TILE_BYTES);
                    src = src.add(2 * unpack.bytes());
                    left -= 2 * F32x16::LANES;
                }
                if left > 0 {
                    store_rest(unpack, src, left, sink.to);
                }
            } else {
                while left > 0 {
                    unpack.step(src, &mut sink);
                    sink.to = sink.to.add(unpack.values() / DEPTH * 2 * TILE_BYTES);
                    src = src.add(unpack.bytes());
                    left -= unpack.values();
                }
            }
            row += 1;
        }
    }
}

/// The last inputs of a row of plain floats, fewer than a tile row, then zeros.
#[inline(always)]
unsafe fn store_rest<U: Unpack<F32x16>>(unpack: U, src: *const u8, left: usize, to: *mut u8) {
    let (low, high) = match left {
        0..F32x16::LANES => (unpack.rest(src, left), F32x16::zero()),
        _ => {
            let mut sink = Round { to, low: F32x16::zero() };
            unpack.step(src, &mut sink);
            (sink.low, unpack.rest(src.add(unpack.bytes()), left - F32x16::LANES))
        }
    };
    _mm512_storeu_ps(to.cast(), pairs(low, high));
}

/// Rounds each pair of registers to a tile row.
struct Round {
    /// The tile row of the step's first register.
    to: *mut u8,
    low: F32x16,
}

impl Sink<F32x16> for Round {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, weights: F32x16) {
        match i % 2 {
            0 => self.low = weights,
            _ => _mm512_storeu_ps(self.to.add(i / 2 * 2 * TILE_BYTES).cast(), pairs(self.low, weights)),
        }
    }
}

/// The second of two steps of one register.
struct Second<'a>(&'a mut Round);

impl Sink<F32x16> for Second<'_> {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, weights: F32x16) {
        self.0.put(i + 1, weights);
    }
}
