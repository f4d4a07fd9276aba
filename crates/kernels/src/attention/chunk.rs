//! One chunk of positions for one block of query rows.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`; slices have the shapes `Attention::check` checked

use std::ops::Range;

use half::f16;

use super::{Attention, KvRows};
use crate::level::Level;
use crate::product::outer::{Outer, outer};
use crate::product::tile::{Tile, tiled};
use crate::unpack::{Element, F16, F32};
use crate::vector::{Vector, exp, soft_cap};

/// Positions in a chunk: the keys of one head stay in the first-level cache.
pub(crate) const POSITIONS: usize = 128;

/// The query rows that share their passes over keys and values: all heads of one group, a few tokens.
pub(crate) struct Block {
    pub kv_head: usize,
    pub tokens: Range<usize>,
    /// From the first to the last position that any of the tokens sees.
    pub positions: Range<usize>,
}

impl Block {
    /// The chunks that hold its positions.
    pub fn chunks(&self) -> Range<usize> {
        self.positions.start / POSITIONS..self.positions.end.div_ceil(POSITIONS)
    }
}

/// What [`attend`] works on.
pub(crate) struct ChunkTask<'a> {
    pub of: &'a Attention<'a>,
    pub block: &'a Block,
    /// Query heads per key-value head: rows per token.
    pub group: usize,
    pub chunk: usize,
    /// Floats from one row's share to the next.
    pub share: usize,
}

/// Floats of working memory that [`attend`] wants: queries and scores of each row.
pub(crate) fn scratch_len(rows: usize, head_dim: usize) -> usize {
    rows * (head_dim + POSITIONS)
}

/// Writes the share of each row (see [`super::fold`]) to `part`.
#[inline(always)]
pub(crate) unsafe fn attend<L: Level>(task: &ChunkTask, part: &mut [f32], scratch: &mut [f32]) {
    let head_dim = task.of.shape.head_dim;
    let rows = task.block.tokens.len() * task.group;
    let start = task.chunk * POSITIONS;
    // Within the chunk, the positions that any row sees.
    let seen = task.block.positions.start.max(start) - start..task.block.positions.end.min(start + POSITIONS) - start;
    let first_value = ((start + seen.start) * task.of.shape.n_kv_heads + task.block.kv_head) * head_dim;
    for rows in [&task.of.k, &task.of.v] {
        prefetch::<L>(rows, first_value, task.of.shape.n_kv_heads * head_dim, head_dim, seen.len());
    }
    let (queries, scores) = scratch.split_at_mut(rows * head_dim);
    gather(task, queries);
    let keys = Tile {
        w: std::ptr::null(),
        w_stride: task.of.shape.n_kv_heads * head_dim,
        x: queries.as_ptr(),
        x_stride: head_dim,
        k: head_dim,
        out: scores.as_mut_ptr().add(seen.start),
        out_stride: POSITIONS,
        carry: std::ptr::null_mut(),
        carry_stride: 0,
        first: true,
        last: true,
    };
    match task.of.k {
        KvRows::F32(k) => score::<L, F32>(&keys, k.as_ptr().add(first_value).cast(), seen.len(), rows),
        KvRows::F16(k) => score::<L, F16>(&keys, k.as_ptr().add(first_value).cast(), seen.len(), rows),
    }
    let mut row = 0;
    while row < rows {
        let span = &task.of.spans[task.block.tokens.start + row / task.group];
        let own = span.start.clamp(start, start + POSITIONS) - start..span.end.clamp(start, start + POSITIONS) - start;
        let scores = &mut scores[row * POSITIONS..][..POSITIONS];
        let (max, sum) = soften::<L>(task, scores, &seen, &own);
        part[row * task.share + head_dim] = max;
        part[row * task.share + head_dim + 1] = sum;
        row += 1;
    }
    let values = Outer {
        w: std::ptr::null(),
        w_stride: task.of.shape.n_kv_heads * head_dim,
        x: scores.as_ptr().add(seen.start),
        x_stride: POSITIONS,
        k: seen.len(),
        out: part.as_mut_ptr(),
        out_stride: task.share,
        first: true,
    };
    match task.of.v {
        KvRows::F32(v) => weigh::<L, F32>(&values, v.as_ptr().add(first_value).cast(), head_dim, rows),
        KvRows::F16(v) => weigh::<L, F16>(&values, v.as_ptr().add(first_value).cast(), head_dim, rows),
    }
}

/// Asks for one head's part of `positions` rows, `stride` values apart: too far for the hardware to see a stream.
#[inline(always)]
unsafe fn prefetch<V: Vector>(rows: &KvRows, first: usize, stride: usize, head_dim: usize, positions: usize) {
    let (base, size) = match rows {
        KvRows::F32(values) => (values.as_ptr().cast::<u8>(), 4),
        KvRows::F16(values) => (values.as_ptr().cast::<u8>(), 2),
    };
    let mut position = 0;
    while position < positions {
        let row = base.add((first + position * stride) * size);
        let mut line = 0;
        while line < head_dim * size {
            V::prefetch(row.wrapping_add(line));
            line += 64;
        }
        position += 1;
    }
}

/// Lays the block's query rows side by side, heads of a token together.
fn gather(task: &ChunkTask, queries: &mut [f32]) {
    let shape = task.of.shape;
    let per_token = task.group * shape.head_dim;
    for (token, rows) in task.block.tokens.clone().zip(queries.chunks_exact_mut(per_token)) {
        let from = (token * shape.n_heads + task.block.kv_head * task.group) * shape.head_dim;
        rows.copy_from_slice(&task.of.q[from..][..per_token]);
    }
}

#[inline(always)]
unsafe fn score<L: Level, E: Element<L>>(tile: &Tile, keys: *const u8, positions: usize, rows: usize) {
    tiled::<L, E>(&Tile { w: keys, w_stride: tile.w_stride * E::BYTES, ..*tile }, positions, rows);
}

#[inline(always)]
unsafe fn weigh<L: Level, E: Element<L>>(values: &Outer, v: *const u8, head_dim: usize, rows: usize) {
    outer::<L, E>(&Outer { w: v, w_stride: values.w_stride * E::BYTES, ..*values }, head_dim, rows);
}

/// Scores of one row, of which `seen` are computed and `own` count, become weights relative to their greatest; the
/// others become 0. Returns the greatest score and the sum of weights.
#[inline(always)]
unsafe fn soften<L: Level>(
    task: &ChunkTask,
    scores: &mut [f32],
    seen: &Range<usize>,
    own: &Range<usize>,
) -> (f32, f32) {
    if own.is_empty() {
        scores.fill(0.0);
        return (f32::NEG_INFINITY, 0.0);
    }
    scale::<L>(task, scores, seen);
    scores[..own.start].fill(f32::NEG_INFINITY);
    scores[own.end..].fill(f32::NEG_INFINITY);
    // Lanes follow the position within the chunk, so that other rows' positions leave the sums' order alone.
    let (mut at, end) = (seen.start / L::LANES * L::LANES, seen.end);
    let (mut max, begin) = (L::splat(f32::NEG_INFINITY), at);
    while at < end {
        max = max.max(L::load(scores.as_ptr().add(at)));
        at += L::LANES;
    }
    let max = greatest(max);
    let mut sum = L::zero();
    at = begin;
    while at < end {
        let weights = exp(L::load(scores.as_ptr().add(at)).sub(L::splat(max)));
        weights.store(scores.as_mut_ptr().add(at));
        sum = sum.add(weights);
        at += L::LANES;
    }
    (max, sum.sum())
}

#[inline(always)]
unsafe fn scale<L: Level>(task: &ChunkTask, scores: &mut [f32], seen: &Range<usize>) {
    let mut at = seen.start / L::LANES * L::LANES;
    while at < seen.end {
        let mut score = L::load(scores.as_ptr().add(at)).mul(L::splat(task.of.shape.scale));
        if let Some(cap) = task.of.shape.softcap {
            score = soft_cap(score, L::splat(cap));
        }
        score.store(scores.as_mut_ptr().add(at));
        at += L::LANES;
    }
}

#[inline(always)]
unsafe fn greatest<L: Level>(lanes: L) -> f32 {
    let mut all = [f32::NEG_INFINITY; 16];
    lanes.store(all.as_mut_ptr());
    all.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

const _: () = assert!(size_of::<f16>() == 2);
