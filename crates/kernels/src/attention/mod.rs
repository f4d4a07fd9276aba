//! Attention over cached keys and values.
//!
//! Positions fall into chunks of [`chunk::POSITIONS`], counted from the start of the sequence. A chunk's share of the
//! result (its greatest score, the sum of its exponentials, its weighted sum of values) depends on nothing else, and
//! shares are folded in the order of positions: so the result is the same whether one thread folds as it goes (prefill)
//! or chunks are spread over threads first (decode).

pub(crate) mod chunk;
mod fold;

use std::ops::Range;

use half::f16;

use crate::kernels::Kernels;
use crate::pool::{Pool, Shareable};
use crate::scratch;
use chunk::{Block, ChunkTask};

/// The head layout and score rule of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape {
    /// Query heads; a multiple of `n_kv_heads`, head `h` reading key-value head `h / (n_heads / n_kv_heads)`.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Values per head.
    pub head_dim: usize,
    /// Multiplies each score, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Bounds scores smoothly: `softcap * tanh(score / softcap)` (Gemma 2).
    pub softcap: Option<f32>,
}

/// Cached keys or values, `(n_positions, n_kv_heads * head_dim)`.
#[derive(Clone, Copy, Debug)]
pub enum KvRows<'a> {
    /// In single precision.
    F32(&'a [f32]),
    /// In half precision.
    F16(&'a [f16]),
}

impl KvRows<'_> {
    /// Values held, over all positions.
    fn len(&self) -> usize {
        match self {
            KvRows::F32(values) => values.len(),
            KvRows::F16(values) => values.len(),
        }
    }
}

/// Query rows (tokens by heads of a group) that share one pass over a chunk.
const BLOCK_ROWS: usize = 24;
/// Multiply-adds that are done before another thread would be awake.
const SMALL: usize = 1 << 15;

/// One call: its arguments, with the shapes checked.
pub(crate) struct Attention<'a> {
    pub shape: &'a AttentionShape,
    pub q: &'a [f32],
    pub k: KvRows<'a>,
    pub v: KvRows<'a>,
    pub spans: &'a [Range<usize>],
}

impl Attention<'_> {
    /// # Panics
    /// If a slice does not have the shape, or a span ends beyond the cache.
    pub fn check(&self, out: &[f32]) {
        let AttentionShape { n_heads, n_kv_heads, head_dim, .. } = *self.shape;
        assert!(n_kv_heads > 0 && n_heads.is_multiple_of(n_kv_heads), "{n_heads} heads over {n_kv_heads}");
        assert!(head_dim > 0, "heads without values");
        let (width, n) = (n_kv_heads * head_dim, self.spans.len());
        assert_eq!(self.q.len(), n * n_heads * head_dim, "queries of {n} tokens");
        assert_eq!(out.len(), self.q.len(), "room for the result");
        assert_eq!(self.k.len(), self.v.len(), "as many values as keys");
        assert!(self.k.len().is_multiple_of(width), "keys of whole positions");
        let positions = self.k.len() / width;
        assert!(self.spans.iter().all(|span| span.end <= positions), "spans within {positions} positions");
    }

    /// Query heads per key-value head.
    fn group(&self) -> usize {
        self.shape.n_heads / self.shape.n_kv_heads
    }

    pub fn run(&self, kernels: &Kernels, pool: &Pool, out: &mut [f32]) {
        let blocks = self.blocks();
        let chunks: usize = blocks.iter().map(|block| block.chunks().len()).max().unwrap_or(0);
        let out = Shareable(out.as_mut_ptr());
        if self.multiply_adds() < SMALL {
            blocks.iter().for_each(|block| self.run_block(kernels, block, out));
        } else if blocks.len() < 2 * pool.threads() && pool.threads() > 1 && chunks > 1 {
            self.run_split(kernels, pool, &blocks, chunks, out);
        } else {
            pool.run(blocks.len(), |i| self.run_block(kernels, &blocks[i], out));
        }
    }

    /// With keys and with values, for all tokens.
    fn multiply_adds(&self) -> usize {
        let seen: usize = self.spans.iter().map(Range::len).sum();
        2 * seen * self.shape.n_heads * self.shape.head_dim
    }

    fn blocks(&self) -> Vec<Block> {
        let tokens_at_once = (BLOCK_ROWS / self.group()).max(1);
        let mut blocks = Vec::new();
        for start in (0..self.spans.len()).step_by(tokens_at_once) {
            let tokens = start..(start + tokens_at_once).min(self.spans.len());
            let seen = self.spans[tokens.clone()].iter().filter(|span| !span.is_empty());
            let first = seen.clone().map(|span| span.start).min().unwrap_or(0);
            let end = seen.map(|span| span.end).max().unwrap_or(0);
            for kv_head in 0..self.shape.n_kv_heads {
                blocks.push(Block { kv_head, tokens: tokens.clone(), positions: first..end });
            }
        }
        blocks
    }

    /// Chunk after chunk, folded as they come.
    fn run_block(&self, kernels: &Kernels, block: &Block, out: Shareable<f32>) {
        let rows = block.tokens.len() * self.group();
        let share = fold::share_len(self.shape.head_dim);
        scratch::with(2 * rows * share, |shares| {
            let (total, part) = shares.split_at_mut(rows * share);
            fold::clear(total, self.shape.head_dim);
            for chunk in block.chunks() {
                self.attend(kernels, block, chunk, part);
                fold::onto(total, part, self.shape.head_dim);
            }
            self.finish(block, total, out);
        });
    }

    /// All chunks of all blocks at once, then the folds.
    fn run_split(&self, kernels: &Kernels, pool: &Pool, blocks: &[Block], chunks: usize, out: Shareable<f32>) {
        let most_rows = blocks.iter().map(|block| block.tokens.len()).max().unwrap_or(0) * self.group();
        let share = fold::share_len(self.shape.head_dim);
        let (per_chunk, per_block) = (most_rows * share, chunks * most_rows * share);
        scratch::with(blocks.len() * per_block, |shares| {
            pool.chunks_mut(shares, per_chunk, |i, part| {
                let block = &blocks[i / chunks];
                if let Some(chunk) = block.chunks().nth(i % chunks) {
                    self.attend(kernels, block, chunk, part);
                }
            });
            pool.chunks_mut(shares, per_block, |i, parts| {
                let block = &blocks[i];
                let (total, rest) = parts.split_at_mut(per_chunk);
                let rows = block.tokens.len() * self.group() * share;
                if block.chunks().is_empty() {
                    fold::clear(&mut total[..rows], self.shape.head_dim);
                }
                for part in rest.chunks(per_chunk).take(block.chunks().len().saturating_sub(1)) {
                    fold::onto(&mut total[..rows], &part[..rows], self.shape.head_dim);
                }
                self.finish(block, &total[..rows], out);
            });
        });
    }

    fn attend(&self, kernels: &Kernels, block: &Block, chunk: usize, part: &mut [f32]) {
        let rows = block.tokens.len() * self.group();
        let task =
            ChunkTask { of: self, block, group: self.group(), chunk, share: fold::share_len(self.shape.head_dim) };
        scratch::with(chunk::scratch_len(rows, self.shape.head_dim), |scratch| {
            // SAFETY: the table's level is available, shapes and spans are checked, `part` has room for the rows.
            unsafe { (kernels.attend)(&task, part, scratch) }
        });
    }

    /// Divides by the sums of exponentials and writes the block's part of `out`.
    fn finish(&self, block: &Block, total: &[f32], out: Shareable<f32>) {
        let AttentionShape { n_heads, head_dim, .. } = *self.shape;
        for (row, share) in total.chunks_exact(fold::share_len(head_dim)).enumerate() {
            let head = block.kv_head * self.group() + row % self.group();
            let at = ((block.tokens.start + row / self.group()) * n_heads + head) * head_dim;
            // SAFETY: token and head lie within the shape; each is written by the one task that has its block.
            let out = unsafe { std::slice::from_raw_parts_mut(out.at(at), head_dim) };
            fold::divide(share, out);
        }
    }
}
