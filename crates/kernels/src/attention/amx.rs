//! Attention of prompts on the matrix unit, in bf16: an online softmax over chunks of positions as they stream by.
//!
//! Keys are operand A of the first product as they lie (rows are positions), queries operand B, so that scores come as
//! `(position, query row)`: sixteen query rows are the lanes of a register, and maxima and sums run down the positions
//! without a sum over lanes. Weights, rounded to bf16 in pairs of positions, are operand B of the second product as they
//! come; its operand A is values, transposed once for all rows of the task. Queries carry the scale and the logarithm of
//! e, so that scores are exponents of 2.
//!
//! A row's sums take chunks in the order of positions; a chunk, counted from the start of the sequence, of which a row
//! sees nothing leaves them alone. So a token's result depends on no other.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`; the level has AVX-512 and a matrix unit

use std::arch::x86_64::*;
use std::ops::Range;

use super::kv_rows::KvRows;
use super::prompt::PromptTask;
use crate::matmul::amx::pack::pairs;
use crate::matmul::amx::tiles::{Block, DEPTH, MatrixUnit, Operand, ROW_BYTES, SIDE, Sums, TILE_BYTES};
use crate::vector::{F32x16, Vector, soft_cap, transposed};

/// Positions of a chunk.
const POSITIONS: usize = 128;
/// Floats of a tile.
const TILE: usize = TILE_BYTES / size_of::<f32>();
/// Floats of the scores of sixteen rows, or of their weights as bf16 (half of it).
const SCORES: usize = POSITIONS * SIDE;
/// Values that stand for a score that is masked.
const UNSEEN: f32 = f32::NEG_INFINITY;

/// Sizes of a task, in tiles.
#[derive(Clone, Copy)]
struct Sizes {
    /// Sixteen query rows each.
    row_blocks: usize,
    /// Thirty-two values of a head each.
    steps: usize,
}

impl Sizes {
    fn new(rows: usize, head_dim: usize) -> Sizes {
        Sizes { row_blocks: rows.div_ceil(SIDE), steps: head_dim.div_ceil(DEPTH) }
    }

    /// Floats of the queries of sixteen rows.
    fn queries(self) -> usize {
        self.steps * TILE
    }

    /// Floats of a chunk's keys, or values, as bf16.
    fn chunk(self) -> usize {
        POSITIONS / SIDE * self.steps * TILE
    }

    /// Floats of the sums of sixteen rows, `(value, row)`.
    fn sums(self) -> usize {
        self.steps * DEPTH * SIDE
    }
}

/// Floats of working memory that [`attend`] wants.
pub(crate) fn scratch_len(rows: usize, head_dim: usize) -> usize {
    let sizes = Sizes::new(rows, head_dim);
    let per_block = sizes.queries() + sizes.sums() + 2 * SIDE;
    sizes.row_blocks * per_block + 2 * sizes.chunk() + DEPTH * head_dim + 3 * SCORES
}

/// The parts of the working memory.
struct Memory<'m> {
    /// `(row block, step)` tiles.
    queries: &'m mut [f32],
    /// `(block of positions, step)` tiles.
    keys: &'m mut [f32],
    /// `(block of values, step of positions)` tiles.
    values: &'m mut [f32],
    /// Thirty-two positions of one head, widened.
    strip: &'m mut [f32],
    /// `(row block of two, position, row)`
    scores: &'m mut [f32],
    /// `(row block of two, step of positions)` tiles.
    weights: &'m mut [f32],
    /// `(row block, value, row)`
    sums: &'m mut [f32],
    /// `(row block, row)`: the greatest score so far.
    max: &'m mut [f32],
    /// `(row block, row)`: the sum of weights relative to it.
    total: &'m mut [f32],
}

impl<'m> Memory<'m> {
    fn new(sizes: Sizes, head_dim: usize, scratch: &'m mut [f32]) -> Memory<'m> {
        let (queries, rest) = scratch.split_at_mut(sizes.row_blocks * sizes.queries());
        let (keys, rest) = rest.split_at_mut(sizes.chunk());
        let (values, rest) = rest.split_at_mut(sizes.chunk());
        let (scores, rest) = rest.split_at_mut(2 * SCORES);
        let (weights, rest) = rest.split_at_mut(SCORES);
        let (sums, rest) = rest.split_at_mut(sizes.row_blocks * sizes.sums());
        let (max, rest) = rest.split_at_mut(sizes.row_blocks * SIDE);
        let (total, strip) = rest.split_at_mut(sizes.row_blocks * SIDE);
        sums.fill(0.0);
        max.fill(UNSEEN);
        total.fill(0.0);
        let strip = &mut strip[..DEPTH * head_dim];
        Memory { queries, keys, values, strip, scores, weights, sums, max, total }
    }
}

/// Writes the result of a task's rows.
#[inline(always)]
pub(crate) unsafe fn attend(task: &PromptTask, scratch: &mut [f32]) {
    let head_dim = task.of.shape.head_dim;
    let sizes = Sizes::new(task.rows(), head_dim);
    let mut memory = Memory::new(sizes, head_dim, scratch);
    if let Some(sinks) = task.of.shape.sinks {
        let group = task.of.group();
        let mut row = 0;
        while row < task.rows() {
            memory.max[row] = sinks[task.kv_head * group + row % group] * std::f32::consts::LOG2_E;
            memory.total[row] = 1.0;
            row += 1;
        }
    }
    pack_queries(task, sizes, &mut memory);
    let seen = task.spans.iter().filter(|span| !span.is_empty());
    let first = seen.clone().map(|span| span.start).min().unwrap_or(0);
    let end = seen.map(|span| span.end).max().unwrap_or(0);
    let unit = MatrixUnit::on();
    let mut start = first / POSITIONS * POSITIONS;
    while start < end {
        let n = POSITIONS.min(end - start);
        pack_keys(task, sizes, (start, n), &mut memory);
        pack_values(task, sizes, (start, n), &mut memory);
        let mut block = 0;
        while block < sizes.row_blocks {
            let blocks = 2.min(sizes.row_blocks - block);
            score(&unit, sizes, block, blocks, &mut memory);
            let mut i = 0;
            while i < blocks {
                softmax_strip(task, sizes, start, block + i, i, &mut memory);
                i += 1;
            }
            accumulate_pv(&unit, sizes, block, blocks, &mut memory);
            block += blocks;
        }
        start += POSITIONS;
    }
    drop(unit);
    finish(task, sizes, &memory);
}

/// Query rows times scale, as `(pair of values, row)` tiles.
#[inline(always)]
unsafe fn pack_queries(task: &PromptTask, sizes: Sizes, memory: &mut Memory) {
    let head_dim = task.of.shape.head_dim;
    let scale = F32x16::splat(task.of.shape.scale * std::f32::consts::LOG2_E);
    let mut tile = memory.queries.as_mut_ptr();
    for block in 0..sizes.row_blocks {
        for step in 0..sizes.steps {
            let mut rows = [_mm512_setzero_ps(); SIDE];
            let mut row = 0;
            while row < SIDE && block * SIDE + row < task.rows() {
                let from = task.of.q.as_ptr().add(task.at(block * SIDE + row) + step * DEPTH);
                let (low, high) = load_step(from, head_dim - step * DEPTH);
                rows[row] = pairs(low.mul(scale), high.mul(scale));
                row += 1;
            }
            store_rows(transposed(rows), tile);
            tile = tile.add(TILE);
        }
    }
}

/// The first 32 of `left` values, or as many as there are and then zeros.
#[inline(always)]
unsafe fn load_step(from: *const f32, left: usize) -> (F32x16, F32x16) {
    match left {
        0..16 => (F32x16::load_partial(from, left), F32x16::zero()),
        16..DEPTH => (F32x16::load(from), F32x16::load_partial(from.add(16), left - 16)),
        _ => (F32x16::load(from), F32x16::load(from.add(16))),
    }
}

/// Writes a tile.
#[inline(always)]
unsafe fn store_rows(rows: [__m512; SIDE], tile: *mut f32) {
    let mut row = 0;
    while row < SIDE {
        _mm512_storeu_ps(tile.add(row * SIDE), rows[row]);
        row += 1;
    }
}

/// Thirty-two positions from `at` on into the strip, those from `end` on as zeros; asks for the same of the next chunk.
#[inline(always)]
unsafe fn widen(task: &PromptTask, rows: &KvRows, at: usize, end: usize, strip: &mut [f32]) {
    let (shape, n) = (task.of.shape, DEPTH.min(end.saturating_sub(at)));
    let head = task.kv_head..task.kv_head + 1;
    rows.ahead(shape, at + POSITIONS..at + POSITIONS + n, head.clone()).ask::<F32x16>(usize::MAX);
    rows.widen::<F32x16>(shape, at..at + n, head, strip);
    strip[n * shape.head_dim..].fill(0.0);
}

/// Keys of the `n` positions from `start` on, as `(position, value)` tiles; the other positions are zeros.
#[inline(always)]
unsafe fn pack_keys(task: &PromptTask, sizes: Sizes, (start, n): (usize, usize), memory: &mut Memory) {
    let head_dim = task.of.shape.head_dim;
    for position in 0..POSITIONS {
        if position % DEPTH == 0 {
            widen(task, task.k, start + position, start + n, memory.strip);
        }
        let from = memory.strip.as_ptr().add(position % DEPTH * head_dim);
        let to = memory.keys.as_mut_ptr().add(position / SIDE * sizes.steps * TILE + position % SIDE * SIDE);
        let mut step = 0;
        while step < sizes.steps {
            let (low, high) = load_step(from.add(step * DEPTH), head_dim - step * DEPTH);
            _mm512_storeu_ps(to.add(step * TILE), pairs(low, high));
            step += 1;
        }
    }
}

/// Values of the same positions, as `(value, position)` tiles.
#[inline(always)]
unsafe fn pack_values(task: &PromptTask, sizes: Sizes, (start, n): (usize, usize), memory: &mut Memory) {
    const STEPS: usize = POSITIONS / DEPTH;
    let head_dim = task.of.shape.head_dim;
    for step in 0..STEPS {
        widen(task, task.v, start + step * DEPTH, start + n, memory.strip);
        for block in 0..2 * sizes.steps {
            let left = head_dim.saturating_sub(block * SIDE).min(SIDE);
            let mut rows = [_mm512_setzero_ps(); SIDE];
            let mut pair = 0;
            while pair < SIDE {
                let even = memory.strip.as_ptr().wrapping_add(2 * pair * head_dim + block * SIDE);
                let odd = even.wrapping_add(head_dim);
                rows[pair] = interleaved(F32x16::load_partial(even, left), F32x16::load_partial(odd, left));
                pair += 1;
            }
            store_rows(transposed(rows), memory.values.as_mut_ptr().add((block * STEPS + step) * TILE));
        }
    }
}

/// Lane by lane the two values as a pair in bf16.
#[inline(always)]
unsafe fn interleaved(even: F32x16, odd: F32x16) -> __m512 {
    let order = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0,
    );
    _mm512_castsi512_ps(_mm512_permutexvar_epi16(order, _mm512_castps_si512(pairs(even, odd))))
}

/// Scores of one or two row blocks at all positions of the chunk.
#[inline(always)]
unsafe fn score(unit: &MatrixUnit, sizes: Sizes, block: usize, blocks: usize, memory: &mut Memory) {
    let mut position = 0;
    while position < POSITIONS {
        let a = memory.keys.as_ptr().add(position / SIDE * sizes.steps * TILE);
        let b = memory.queries.as_ptr().add(block * sizes.queries());
        let next = sizes.steps * TILE_BYTES;
        let c = Sums {
            at: memory.scores.as_mut_ptr().add(position * SIDE),
            row: ROW_BYTES,
            down: TILE_BYTES,
            right: SCORES * size_of::<f32>(),
        };
        multiply(unit, blocks, (a, b), next, c, sizes.steps, true);
        position += 2 * SIDE;
    }
}

/// Adds the values of the chunk, weighted, to the sums of one or two row blocks.
#[inline(always)]
unsafe fn accumulate_pv(unit: &MatrixUnit, sizes: Sizes, block: usize, blocks: usize, memory: &mut Memory) {
    const STEPS: usize = POSITIONS / DEPTH;
    let mut value = 0;
    while value < 2 * sizes.steps {
        let a = memory.values.as_ptr().add(value * STEPS * TILE);
        let b = memory.weights.as_ptr();
        let c = Sums {
            at: memory.sums.as_mut_ptr().add(block * sizes.sums() + value * TILE),
            row: ROW_BYTES,
            down: TILE_BYTES,
            right: sizes.sums() * size_of::<f32>(),
        };
        multiply(unit, blocks, (a, b), STEPS * TILE_BYTES, c, STEPS, false);
        value += 2;
    }
}

/// Two tiles of rows of A by one or two of columns of B, the tiles of `steps` side by side.
#[inline(always)]
unsafe fn multiply(
    unit: &MatrixUnit,
    columns: usize,
    (a, b): (*const f32, *const f32),
    next: usize,
    c: Sums,
    steps: usize,
    first: bool,
) {
    let operand = |at: *const f32| Operand { at: at.cast(), row: ROW_BYTES, step: TILE_BYTES, next };
    let block = Block { a: operand(a), b: operand(b), c, steps, first };
    match columns {
        1 => unit.multiply_2x1(&block),
        _ => unit.multiply_2x2(&block),
    }
}

/// Scores of row block `block`, the `i`th at hand, at the positions from `start` on become weights relative to the
/// greatest so far; what was summed before is made relative to it too.
#[inline(always)]
unsafe fn softmax_strip(task: &PromptTask, sizes: Sizes, start: usize, block: usize, i: usize, memory: &mut Memory) {
    let scores = memory.scores.as_mut_ptr().add(i * SCORES);
    if let Some(cap) = task.of.shape.softcap {
        let cap = F32x16::splat(cap * std::f32::consts::LOG2_E);
        for position in 0..POSITIONS {
            let score = scores.add(position * SIDE);
            soft_cap(F32x16::load(score), cap).store(score);
        }
    }
    mask(task, start, block, scores);
    let (max, total) = (memory.max.as_mut_ptr().add(block * SIDE), memory.total.as_mut_ptr().add(block * SIDE));
    let before = F32x16::load(max);
    let now = greatest(scores, before);
    now.store(max);
    // Rows that have seen nothing yet have no greatest score: 0 is as good, their weights being 2 to minus infinity.
    let of = now.max(F32x16::splat(f32::MIN));
    let keep = exp2(before.sub(of));
    let sum = exponentiate(scores, of, memory.weights.as_mut_ptr().add(i * SCORES / 2));
    F32x16::load(total).mul_add(keep, sum).store(total);
    if _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(keep.0, _mm512_set1_ps(1.0)) != 0 {
        let sums = memory.sums.as_mut_ptr().add(block * sizes.sums());
        let mut at = 0;
        while at < sizes.sums() {
            F32x16::load(sums.add(at)).mul(keep).store(sums.add(at));
            at += SIDE;
        }
    }
}

/// Hides the positions that rows do not see.
#[inline(always)]
unsafe fn mask(task: &PromptTask, start: usize, block: usize, scores: *mut f32) {
    let (mut from, mut to) = ([0i32; SIDE], [0i32; SIDE]); // rows that are not there see nothing
    for row in 0..SIDE.min(task.rows() - block * SIDE) {
        let span: &Range<usize> = &task.spans[(block * SIDE + row) / task.of.group()];
        from[row] = (span.start.clamp(start, start + POSITIONS) - start) as i32;
        to[row] = (span.end.clamp(start, start + POSITIONS) - start) as i32;
    }
    if from == [0; SIDE] && to == [POSITIONS as i32; SIDE] {
        return;
    }
    let (from, to) = (_mm512_loadu_si512(from.as_ptr().cast()), _mm512_loadu_si512(to.as_ptr().cast()));
    let unseen = _mm512_set1_ps(UNSEEN);
    for position in 0..POSITIONS {
        let (at, score) = (_mm512_set1_epi32(position as i32), scores.add(position * SIDE));
        let own = _mm512_cmple_epi32_mask(from, at) & _mm512_cmplt_epi32_mask(at, to);
        _mm512_storeu_ps(score, _mm512_mask_blend_ps(own, unseen, _mm512_loadu_ps(score)));
    }
}

/// The greatest of `before` and all scores, row by row.
#[inline(always)]
unsafe fn greatest(scores: *const f32, before: F32x16) -> F32x16 {
    let mut max = [before; 4]; // side by side, because one waits for the one before it
    let mut position = 0;
    while position < POSITIONS {
        let mut i = 0;
        while i < 4 {
            max[i] = max[i].max(F32x16::load(scores.add((position + i) * SIDE)));
            i += 1;
        }
        position += 4;
    }
    max[0].max(max[1]).max(max[2].max(max[3]))
}

/// Writes 2 to the power of every score less its row's `max` as tiles of bf16; returns their sums before the rounding.
#[inline(always)]
unsafe fn exponentiate(scores: *const f32, max: F32x16, weights: *mut f32) -> F32x16 {
    let (mut even_sum, mut odd_sum) = (F32x16::zero(), F32x16::zero());
    let mut pair = 0;
    while pair < POSITIONS / 2 {
        let score = scores.add(2 * pair * SIDE);
        let even = exp2(F32x16::load(score).sub(max));
        let odd = exp2(F32x16::load(score.add(SIDE)).sub(max));
        even_sum = even_sum.add(even);
        odd_sum = odd_sum.add(odd);
        _mm512_storeu_ps(weights.add(pair * SIDE), interleaved(even, odd));
        pair += 1;
    }
    even_sum.add(odd_sum)
}

/// `2^x` for `x <= 0` to within 9e-5 of itself, a fortieth of what rounding to bf16 makes; exactly 1 for 0, exactly 0
/// for minus infinity. The polynomial has the least relative error on [0, 1) of those with 1 at 0.
#[inline(always)]
unsafe fn exp2(x: F32x16) -> F32x16 {
    // What is above the next integer below.
    let r = F32x16(_mm512_reduce_ps::<{ _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC }>(x.0));
    let mut p = F32x16::splat(0.077_067_04);
    p = p.mul_add(r, F32x16::splat(0.227_645));
    p = p.mul_add(r, F32x16::splat(0.695_116_76));
    p = p.mul_add(r, F32x16::splat(1.0));
    F32x16(_mm512_scalef_ps(p.0, x.0)) // by 2 to that integer
}

/// Sums over totals, to where their rows lie; zeros for a row that saw nothing.
#[inline(always)]
unsafe fn finish(task: &PromptTask, sizes: Sizes, memory: &Memory) {
    let head_dim = task.of.shape.head_dim;
    for block in 0..sizes.row_blocks {
        let total = F32x16::load(memory.total.as_ptr().add(block * SIDE));
        let nothing = _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(total.0, _mm512_setzero_ps());
        let factor = F32x16(_mm512_mask_blend_ps(nothing, F32x16::splat(1.0).div(total).0, _mm512_setzero_ps()));
        for value in (0..head_dim).step_by(SIDE) {
            let sums = memory.sums.as_ptr().add(block * sizes.sums() + value * SIDE);
            let mut rows = [_mm512_setzero_ps(); SIDE];
            let mut i = 0;
            while i < SIDE {
                rows[i] = F32x16::load(sums.add(i * SIDE)).mul(factor).0;
                i += 1;
            }
            let rows = transposed(rows);
            let mut row = 0;
            while row < SIDE && block * SIDE + row < task.rows() {
                let out = task.out.at(task.at(block * SIDE + row) + value);
                F32x16(rows[row]).store_partial(out, SIDE.min(head_dim - value));
                row += 1;
            }
        }
    }
}
