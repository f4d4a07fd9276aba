//! GEMM on the matrix unit: rows times all tokens, through packed panels of weights in tiles.
//!
//! A panel is 32 rows by [`K`] inputs, unpacked once and used for all tokens while it stays in the first-level cache;
//! the activations pass by from the second level, which keeps up with the unit for one of its operands but not for both.
//! Sums wait in working memory between two ranges of inputs, and go to the output together at the end.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::arch::x86_64::_mm512_storeu_ps;

use super::pack::{pairs, store_transposed};
use super::tiles::{Block, DEPTH, MatrixUnit, Operand, ROW_BYTES, SIDE, Sums, TILE_BYTES};
use crate::matmul::bf16::Bf16Task;
use crate::simd_level::SimdLevel;
use crate::unpack::{Sink, Unpack, Visit};
use crate::vector::{F32x16, Vector};

/// Rows of a panel: two tiles.
const ROWS: usize = 2 * SIDE;
/// Most inputs of a panel, which every block length divides: with the activations that pass while it is used, it has to
/// fit the first-level cache.
const K: usize = 256;
/// Floats of a panel's memory.
const PANEL: usize = ROWS * K / 2;
/// Floats of the sums of a panel and sixteen tokens.
const SUMS: usize = ROWS * SIDE;

/// Blocks of tokens that count as few: see [`Source::after`].
const FEW_BLOCKS: usize = 2;

/// Most rows that a task should have: their sums stay in the second-level cache.
pub(crate) const TASK_ROWS: usize = 256;

/// Floats of working memory that [`multiply`] wants.
pub(crate) fn scratch_len(rows: usize, n: usize) -> usize {
    PANEL + rows.div_ceil(ROWS) * n.div_ceil(SIDE) * SUMS
}

/// Where a panel's weights come from.
#[derive(Clone, Copy)]
struct Source {
    /// First row, from the first of the matrix.
    row: usize,
    /// First input.
    k: usize,
}

impl Source {
    /// The next panel of a task, if there is one. Of few tokens, further inputs first: rows are read in the order in which
    /// they lie in memory, and all that the tokens bring stays in the second-level cache. Of many, further rows first.
    #[inline(always)]
    fn after(self, task: &Bf16Task) -> Option<Source> {
        let (row, k) = (self.row + ROWS, self.k + K);
        let (more_rows, more_inputs) = (row < task.rows.end, k < task.w.cols());
        match task.x.blocks() <= FEW_BLOCKS {
            true if more_inputs => Some(Source { k, ..self }),
            true => more_rows.then_some(Source { row, k: 0 }),
            false if more_rows => Some(Source { row, ..self }),
            false => more_inputs.then_some(Source { row: task.rows.start, k }),
        }
    }
}

#[inline(always)]
pub(crate) unsafe fn multiply(task: &Bf16Task, scratch: &mut [f32]) {
    let (panel, sums) = scratch.split_at_mut(PANEL);
    let unit = MatrixUnit::on();
    let mut next = Some(Source { row: task.rows.start, k: 0 });
    while let Some(from) = next {
        F32x16::with(task.w.dtype(), Fill { task, from, panel: panel.as_mut_ptr().cast() });
        let mut block = 0;
        while block < task.x.blocks() {
            block += multiply_block(&unit, task, from, panel, block, sums);
        }
        next = from.after(task);
    }
    write_out(task, sums);
}

/// A panel times two blocks of tokens, or the last one; says how many.
#[inline(always)]
unsafe fn multiply_block(
    unit: &MatrixUnit,
    task: &Bf16Task,
    from: Source,
    panel: &[f32],
    block: usize,
    sums: &mut [f32],
) -> usize {
    let x = &task.x;
    let of_panel = (from.row - task.rows.start) / ROWS * x.blocks();
    let sums = sums.as_mut_ptr().add((of_panel + block) * SUMS);
    let token_bytes = x.steps() * TILE_BYTES;
    let tiles = Block {
        a: Operand { at: panel.as_ptr().cast(), row: ROW_BYTES, step: 2 * TILE_BYTES, next: TILE_BYTES },
        b: Operand {
            at: x.at.0.cast::<u8>().add(block * token_bytes + from.k / DEPTH * TILE_BYTES),
            row: ROW_BYTES,
            step: TILE_BYTES,
            next: token_bytes,
        },
        c: Sums { at: sums, row: ROW_BYTES, down: TILE_BYTES, right: 2 * TILE_BYTES },
        steps: K.min(task.w.cols() - from.k).div_ceil(DEPTH),
        first: from.k == 0,
    };
    if block + 1 == x.blocks() {
        unit.multiply_2x1(&tiles);
        return 1;
    }
    prefetch(sums.add(2 * SUMS).cast(), 2 * SUMS * 4); // the sums of the next blocks, while these are multiplied
    unit.multiply_2x2(&tiles);
    2
}

/// Asks for `bytes` bytes.
#[inline(always)]
unsafe fn prefetch(from: *const u8, bytes: usize) {
    let mut line = 0;
    while line < bytes {
        F32x16::prefetch(from.wrapping_add(line));
        line += ROW_BYTES;
    }
}

/// Brings complete sums to their tokens. A token's sums are written one after the other: its rows of the output lie in
/// a page of their own.
#[inline(always)]
unsafe fn write_out(task: &Bf16Task, sums: &[f32]) {
    let mut token = 0;
    while token < task.x.n {
        let tokens = SIDE.min(task.x.n - token);
        let mut row = task.rows.start;
        while row < task.rows.end {
            let tile = (row - task.rows.start) / ROWS * task.x.blocks() + token / SIDE;
            let tile = sums.as_ptr().add(tile * SUMS + (row - task.rows.start) / SIDE % 2 * SIDE * SIDE);
            let out = task.out.add(token * task.w.rows() + row);
            store_transposed(tile, SIDE.min(task.rows.end - row), tokens, out, task.w.rows());
            row += SIDE;
        }
        token += SIDE;
    }
}

/// Unpacks a panel, and asks for the memory of the one after it.
struct Fill<'a> {
    task: &'a Bf16Task<'a>,
    from: Source,
    panel: *mut u8,
}

impl Visit<F32x16> for Fill<'_> {
    #[inline(always)]
    unsafe fn visit<U: Unpack<F32x16>>(self, unpack: U) {
        let (w, from, after) = (self.task.w, self.from, self.from.after(self.task));
        let bytes = |inputs: usize| inputs / unpack.dtype().block_len() * unpack.dtype().block_bytes();
        let inputs = K.min(w.cols() - from.k);
        // Rows beyond the task's repeat its last one: nobody reads their sums.
        let row = |of: Source, row: usize| w.row((of.row + row).min(self.task.rows.end - 1)).as_ptr();
        let mut i = 0;
        while i < ROWS {
            if let Some(after) = after {
                prefetch(row(after, i).add(bytes(after.k)), bytes(K.min(w.cols() - after.k)) + ROW_BYTES - 1);
            }
            let to = self.panel.add(i / SIDE * TILE_BYTES + i % SIDE * ROW_BYTES);
            round_row(unpack, row(from, i).add(bytes(from.k)), inputs, to);
            i += 1;
        }
    }
}

/// Rounds some inputs of a row, each 32 to a tile row of the panel.
#[inline(always)]
unsafe fn round_row<U: Unpack<F32x16>>(unpack: U, mut src: *const u8, mut inputs: usize, to: *mut u8) {
    let mut sink = Round { to, low: F32x16::zero() };
    if unpack.values() > F32x16::LANES {
        while inputs > 0 {
            unpack.step(src, &mut sink);
            sink.to = sink.to.add(unpack.values() / DEPTH * 2 * TILE_BYTES);
            src = src.add(unpack.bytes());
            inputs -= unpack.values();
        }
        return;
    }
    while inputs >= DEPTH {
        unpack.step(src, &mut sink);
        unpack.step(src.add(unpack.bytes()), &mut Second(&mut sink));
        sink.to = sink.to.add(2 * TILE_BYTES);
        src = src.add(2 * unpack.bytes());
        inputs -= DEPTH;
    }
    if inputs > 0 {
        store_rest(unpack, src, inputs, sink.to);
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
