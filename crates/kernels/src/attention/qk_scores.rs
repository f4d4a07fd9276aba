//! Q·Kᵀ: scores of one chunk of positions, query rows times keys.
//!
//! A prompt has many rows for each key: keys are turned, so that lanes are positions and no score is a sum over lanes.
//! A generated token has so few that turning costs more than it saves: there lanes are values of a head.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`; slices have the shapes `Attention::check` checked

use std::ops::Range;

use super::chunk::{ChunkTask, POSITIONS, STRIP, strip_positions};
use crate::Phase;
use crate::matmul::microkernel::tiled;
use crate::matmul::operands::{OuterProduct, Tile};
use crate::matmul::outer_product::outer_product;
use crate::simd_level::SimdLevel;
use crate::unpack::F32;

/// Positions of a generated token whose scores are computed between two requests for memory.
const POSITIONS_AT_ONCE: usize = 4;
/// Lanes of the widest level.
const MOST_LANES: usize = 16;

/// Floats of working memory that [`qk_scores`] wants: keys of some positions, for a prompt of one head and to whole
/// registers, and a square of keys before they are turned.
pub(super) fn scratch_len(kv_heads: usize, head_dim: usize) -> usize {
    let turned = (turned_positions(kv_heads, head_dim, MOST_LANES) + MOST_LANES) * head_dim;
    turned.max(STRIP).max(kv_heads * head_dim)
}

/// Positions whose keys are turned before they are used.
fn turned_positions(kv_heads: usize, head_dim: usize, lanes: usize) -> usize {
    strip_positions(kv_heads, head_dim).min(POSITIONS).next_multiple_of(lanes)
}

/// Positions whose keys meet a generated token together.
fn plain_positions(kv_heads: usize, head_dim: usize) -> usize {
    match strip_positions(kv_heads, head_dim) {
        few @ 1..POSITIONS_AT_ONCE => few,
        many => many / POSITIONS_AT_ONCE * POSITIONS_AT_ONCE,
    }
}

/// Scores of all rows at the `seen` positions of the chunk, and at others that share a register with them. Meanwhile the
/// next keys, at last the first values, come from memory.
#[inline(always)]
pub(super) unsafe fn qk_scores<L: SimdLevel>(
    task: &ChunkTask,
    seen: &Range<usize>,
    queries: &[f32],
    scores: &mut [f32],
    scratch: &mut [f32],
) {
    match task.of.phase {
        Phase::Prefill => qk_scores_prompt::<L>(task, seen, queries, scores, scratch),
        Phase::Decode => qk_scores_generated::<L>(task, seen, queries, scores, scratch),
    }
}

#[inline(always)]
unsafe fn qk_scores_prompt<L: SimdLevel>(
    task: &ChunkTask,
    seen: &Range<usize>,
    queries: &[f32],
    scores: &mut [f32],
    scratch: &mut [f32],
) {
    let (heads, head_dim) = (task.block.kv_heads.len(), task.of.shape.head_dim);
    let (rows, most) = (task.of.rows(task.block) / heads, turned_positions(heads, head_dim, L::LANES));
    let (square, turned) = scratch.split_at_mut(L::LANES * head_dim);
    let mut at = seen.start / L::LANES * L::LANES;
    while at < seen.end {
        let n = most.min((seen.end - at).next_multiple_of(L::LANES));
        let mut ahead = task.keys_ahead(seen, at + n, most);
        let part = ahead.part(heads * n / L::LANES);
        let mut head = 0;
        while head < heads {
            let mut i = 0;
            while i < n {
                ahead.ask::<L>(part);
                let positions = task.positions(at + i..seen.end.min(at + i + L::LANES));
                let (kv_head, out) = (task.block.kv_heads.start + head, turned.as_mut_ptr().add(i));
                task.block.k.widen_turned::<L>(task.of.shape, positions, kv_head, square, (out, n));
                i += L::LANES;
            }
            let keys = OuterProduct {
                w: turned.as_ptr().cast(),
                w_stride: n * size_of::<f32>(),
                x: queries.as_ptr().add(head * rows * head_dim),
                x_stride: head_dim,
                k: head_dim,
                out: scores.as_mut_ptr().add(head * rows * POSITIONS + at),
                out_stride: POSITIONS,
                first: true,
            };
            outer_product::<L, F32>(&keys, n, rows);
            head += 1;
        }
        at += n;
    }
}

#[inline(always)]
unsafe fn qk_scores_generated<L: SimdLevel>(
    task: &ChunkTask,
    seen: &Range<usize>,
    queries: &[f32],
    scores: &mut [f32],
    strip: &mut [f32],
) {
    let (heads, head_dim) = (task.block.kv_heads.len(), task.of.shape.head_dim);
    let (rows, most) = (task.of.rows(task.block) / heads, plain_positions(heads, head_dim));
    let mut at = seen.start;
    while at < seen.end {
        let n = most.min(seen.end - at);
        let mut ahead = task.keys_ahead(seen, at + n, most);
        let part = ahead.part(heads * n.div_ceil(POSITIONS_AT_ONCE));
        task.widen::<L>(task.block.k, at..at + n, strip);
        let (mut head, mut i) = (0, 0);
        while head < heads {
            ahead.ask::<L>(part);
            let keys = Tile {
                w: strip.as_ptr().add((head * n + i) * head_dim).cast(),
                w_stride: head_dim * size_of::<f32>(),
                x: queries.as_ptr().add(head * rows * head_dim),
                x_stride: head_dim,
                k: head_dim,
                out: scores.as_mut_ptr().add(head * rows * POSITIONS + at + i),
                out_stride: POSITIONS,
                carry: std::ptr::null_mut(),
                carry_stride: 0,
                first: true,
                last: true,
            };
            tiled::<L, F32>(&keys, POSITIONS_AT_ONCE.min(n - i), rows);
            (head, i) = if i + POSITIONS_AT_ONCE < n { (head, i + POSITIONS_AT_ONCE) } else { (head + 1, 0) };
        }
        at += n;
    }
}
