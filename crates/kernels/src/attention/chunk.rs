//! One chunk of positions for one block of query rows.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`; slices have the shapes `Attention::check` checked

use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::kv_rows::{Ahead, KvRows};
use super::{Attention, partials, qk_scores};
use crate::matmul::operands::OuterProduct;
use crate::matmul::outer_product::outer_product;
use crate::simd_level::SimdLevel;
use crate::unpack::F32;
use crate::vector::{exp2, soft_cap};

/// Positions in a chunk.
pub(crate) const POSITIONS: usize = 128;

/// Keys or values that are widened together, unless a position has more: they stay in the first-level cache until they
/// are used.
pub(super) const STRIP: usize = 4096;

/// The query rows that share their passes over keys and values: a few tokens of one sequence, all heads of the groups of
/// some key-value heads. Rows are in order of key-value head, then of token, then of head within the group.
#[derive(Clone)]
pub(crate) struct Block<'a> {
    pub k: &'a KvRows<'a>,
    pub v: &'a KvRows<'a>,
    /// What each of its tokens sees.
    pub spans: &'a [Range<usize>],
    pub kv_heads: Range<usize>,
    /// Counted over all sequences.
    pub tokens: Range<usize>,
    /// From the first to the last position that any of the tokens sees.
    pub positions: Range<usize>,
}

impl Block<'_> {
    /// The chunks that hold its positions.
    pub fn chunks(&self) -> Range<usize> {
        self.positions.start / POSITIONS..self.positions.end.div_ceil(POSITIONS)
    }
}

/// What [`attend`] works on.
pub(crate) struct ChunkTask<'a> {
    pub of: &'a Attention<'a>,
    pub block: &'a Block<'a>,
    pub chunk: usize,
}

/// Values that are weighed between two requests for memory.
const VALUES_AT_ONCE: usize = 64;

/// Floats of working memory that [`attend`] wants: queries and scores of each row, and what keys or values take.
pub(crate) fn scratch_len(rows: usize, kv_heads: usize, head_dim: usize) -> usize {
    rows * (head_dim + POSITIONS) + qk_scores::scratch_len(kv_heads, head_dim)
}

/// Positions whose keys, or values, make a strip.
pub(super) fn strip_positions(kv_heads: usize, head_dim: usize) -> usize {
    (STRIP / (kv_heads * head_dim)).max(1)
}

/// Writes the partial result of each row (see [`super::partials`]) to `part`.
#[inline(always)]
pub(crate) unsafe fn attend<L: SimdLevel>(task: &ChunkTask, part: &mut [f32], scratch: &mut [f32]) {
    let head_dim = task.of.shape.head_dim;
    let rows = task.of.rows(task.block);
    let start = task.chunk * POSITIONS;
    // Within the chunk, the positions that any row sees.
    let seen = task.block.positions.start.max(start) - start..task.block.positions.end.min(start + POSITIONS) - start;
    let (queries, scratch) = scratch.split_at_mut(rows * head_dim);
    let (scores, strip) = scratch.split_at_mut(rows * POSITIONS);
    gather::<L>(task, queries);
    qk_scores::qk_scores::<L>(task, &seen, queries, scores, strip);
    let (group, width) = (task.of.group(), partials::partial_len(head_dim));
    let mut row = 0;
    while row < rows {
        let span = &task.block.spans[row / group % task.block.spans.len()];
        let own = span.start.clamp(start, start + POSITIONS) - start..span.end.clamp(start, start + POSITIONS) - start;
        let scores = &mut scores[row * POSITIONS..][..POSITIONS];
        let (max, sum) = softmax_strip::<L>(task, scores, &seen, &own);
        part[row * width + head_dim] = max;
        part[row * width + head_dim + 1] = sum;
        row += 1;
    }
    accumulate_pv::<L>(task, &seen, scores, part, strip);
}

/// Lays the block's query rows side by side, times the scale and the logarithm of e: scores are exponents of 2.
#[inline(always)]
unsafe fn gather<L: SimdLevel>(task: &ChunkTask, queries: &mut [f32]) {
    let (shape, group) = (task.of.shape, task.of.group() * task.of.shape.head_dim);
    let scale = L::splat(shape.scale * LOG2_E);
    let mut to = queries.as_mut_ptr();
    for kv_head in task.block.kv_heads.clone() {
        for token in task.block.tokens.clone() {
            let from = task.of.q.as_ptr().add(token * shape.n_heads * shape.head_dim + kv_head * group);
            let mut at = 0;
            while at + L::LANES <= group {
                L::load(from.add(at)).mul(scale).store(to.add(at));
                at += L::LANES;
            }
            L::load_partial(from.add(at), group - at).mul(scale).store_partial(to.add(at), group - at);
            to = to.add(group);
        }
    }
}

/// P·V: sums of the values at the `seen` positions, each weighted by its score. Meanwhile the next values come from memory.
#[inline(always)]
unsafe fn accumulate_pv<L: SimdLevel>(
    task: &ChunkTask,
    seen: &Range<usize>,
    scores: &[f32],
    part: &mut [f32],
    strip: &mut [f32],
) {
    let (heads, head_dim) = (task.block.kv_heads.len(), task.of.shape.head_dim);
    let (rows, most) = (task.of.rows(task.block) / heads, strip_positions(heads, head_dim));
    let width = partials::partial_len(head_dim);
    let mut at = seen.start;
    while at < seen.end {
        let n = most.min(seen.end - at);
        let mut ahead = task.ahead(task.block.v, at + n..seen.end.min(at + n + most));
        let lines = ahead.part(heads * head_dim.div_ceil(VALUES_AT_ONCE));
        task.widen::<L>(task.block.v, at..at + n, strip);
        let (mut head, mut value) = (0, 0);
        while head < heads {
            ahead.ask::<L>(lines);
            let values = OuterProduct {
                w: strip.as_ptr().add(head * n * head_dim + value).cast(),
                w_stride: head_dim * size_of::<f32>(),
                x: scores.as_ptr().add(head * rows * POSITIONS + at),
                x_stride: POSITIONS,
                k: n,
                out: part.as_mut_ptr().add(head * rows * width + value),
                out_stride: width,
                first: at == seen.start,
            };
            outer_product::<L, F32>(&values, VALUES_AT_ONCE.min(head_dim - value), rows);
            (head, value) =
                if value + VALUES_AT_ONCE < head_dim { (head, value + VALUES_AT_ONCE) } else { (head + 1, 0) };
        }
        at += n;
    }
}

impl ChunkTask<'_> {
    /// Widens some positions of the chunk for the block's heads.
    #[inline(always)]
    pub(super) unsafe fn widen<L: SimdLevel>(&self, rows: &KvRows, positions: Range<usize>, strip: &mut [f32]) {
        rows.widen::<L>(self.of.shape, self.positions(positions), self.block.kv_heads.clone(), strip);
    }

    /// Keys of up to `most` positions from `next` on; where no more are seen, the first values.
    pub(super) fn keys_ahead(&self, seen: &Range<usize>, next: usize, most: usize) -> Ahead {
        match next < seen.end {
            true => self.ahead(self.block.k, next..seen.end.min(next + most)),
            false => self.ahead(self.block.v, seen.start..seen.end.min(seen.start + most)),
        }
    }

    fn ahead(&self, rows: &KvRows, positions: Range<usize>) -> Ahead {
        rows.ahead(self.of.shape, self.positions(positions), self.block.kv_heads.clone())
    }

    /// Positions of the chunk, counted from the start of the sequence.
    pub(super) fn positions(&self, within: Range<usize>) -> Range<usize> {
        self.chunk * POSITIONS + within.start..self.chunk * POSITIONS + within.end
    }
}

/// The softmax of a strip: scores of one row, of which `seen` are computed and `own` count, become weights relative to their greatest; the
/// others become 0. Returns the greatest score and the sum of weights.
#[inline(always)]
unsafe fn softmax_strip<L: SimdLevel>(
    task: &ChunkTask,
    scores: &mut [f32],
    seen: &Range<usize>,
    own: &Range<usize>,
) -> (f32, f32) {
    if own.is_empty() {
        scores.fill(0.0);
        return (f32::NEG_INFINITY, 0.0);
    }
    if let Some(cap) = task.of.shape.softcap {
        bound::<L>(scores, seen, cap * LOG2_E);
    }
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
        let weights = exp2(L::load(scores.as_ptr().add(at)).sub(L::splat(max)));
        weights.store(scores.as_mut_ptr().add(at));
        sum = sum.add(weights);
        at += L::LANES;
    }
    (max, sum.sum())
}

/// See [`super::AttentionShape::softcap`].
#[inline(always)]
unsafe fn bound<L: SimdLevel>(scores: &mut [f32], seen: &Range<usize>, cap: f32) {
    let mut at = seen.start / L::LANES * L::LANES;
    while at < seen.end {
        let score = scores.as_mut_ptr().add(at);
        soft_cap(L::load(score), L::splat(cap)).store(score);
        at += L::LANES;
    }
}

#[inline(always)]
unsafe fn greatest<L: SimdLevel>(lanes: L) -> f32 {
    let mut all = [f32::NEG_INFINITY; 16];
    lanes.store(all.as_mut_ptr());
    all.into_iter().fold(f32::NEG_INFINITY, f32::max)
}
