//! Attention over cached keys and values, with an online softmax: the scores of a chunk of positions live only while its
//! values are added up, as in FlashAttention.
//!
//! Positions fall into chunks of [`chunk::POSITIONS`], counted from the start of the sequence. A chunk's partial result
//! (its greatest score, the sum of its exponentials, its weighted sum of values) depends on nothing else, and partials are
//! merged in the order of positions: so the result is the same whether one thread merges as it goes (prefill) or chunks are
//! spread over threads first (decode; FlashDecoding's split over positions).

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
pub(crate) mod chunk;
mod kv_rows;
pub(crate) mod partials;
pub(crate) mod prompt;
mod qk_scores;

use std::ops::Range;

pub use kv_rows::{KvRows, kv_groups, quantise_kv};

use crate::Phase;
use crate::kernels::{Kernels, MatrixUnit};
use crate::pool::{Pool, Shareable};
use crate::scratch;
use chunk::{Block, ChunkTask};

/// The head layout and score rule of an attention layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttentionShape<'a> {
    /// Query heads; a multiple of `n_kv_heads`, head `h` reading key-value head `h / (n_heads / n_kv_heads)`.
    pub n_heads: usize,
    /// Key and value heads.
    pub n_kv_heads: usize,
    /// Values per head.
    pub head_dim: usize,
    /// Multiplies each score, usually `1 / sqrt(head_dim)`.
    pub scale: f32,
    /// Bounds scores smoothly: `softcap * tanh(score / softcap)`.
    pub softcap: Option<f32>,
    /// A score for each query head that takes its part of the weights and adds no value, `(n_heads)`.
    pub sinks: Option<&'a [f32]>,
}

/// The cache of one sequence, and what each of its query tokens sees of it.
#[derive(Clone, Copy, Debug)]
pub struct KvSequence<'a> {
    /// `(n_positions, n_kv_heads * head_dim)`
    pub k: KvRows<'a>,
    /// `(n_positions, n_kv_heads * head_dim)`
    pub v: KvRows<'a>,
    /// The positions that each token sees.
    pub spans: &'a [Range<usize>],
}

/// Query rows (tokens by heads of a group) that share one pass over a chunk: for fewer, widening and turning keys and
/// values is much of the work.
const BLOCK_ROWS: usize = 96;
/// Multiply-adds that are done before another thread would be awake.
const SMALL: usize = 1 << 15;

/// One call: its arguments, with the shapes checked.
pub(crate) struct Attention<'a> {
    pub phase: Phase,
    pub shape: &'a AttentionShape<'a>,
    pub q: &'a [f32],
    pub sequences: &'a [KvSequence<'a>],
}

impl<'a> Attention<'a> {
    /// # Panics
    /// If a slice does not have the shape, or a span ends beyond its cache.
    pub fn check(&self, out: &[f32]) {
        let AttentionShape { n_heads, n_kv_heads, head_dim, .. } = *self.shape;
        assert!(n_kv_heads > 0 && n_heads.is_multiple_of(n_kv_heads), "{n_heads} heads over {n_kv_heads}");
        assert!(head_dim > 0, "heads without values");
        assert!(self.shape.sinks.is_none_or(|sinks| sinks.len() == n_heads), "a sink for each of {n_heads} heads");
        let n: usize = self.sequences.iter().map(|sequence| sequence.spans.len()).sum();
        assert_eq!(self.q.len(), n * n_heads * head_dim, "queries of {n} tokens");
        assert_eq!(out.len(), self.q.len(), "room for the result");
        for KvSequence { k, v, spans } in self.sequences {
            let positions = k.positions(self.shape);
            assert_eq!(positions, v.positions(self.shape), "as many values as keys");
            assert!(spans.iter().all(|span| span.end <= positions), "spans within {positions} positions");
        }
    }

    /// Query heads per key-value head.
    pub fn group(&self) -> usize {
        self.shape.n_heads / self.shape.n_kv_heads
    }

    /// Query rows of a block.
    pub fn rows(&self, block: &Block) -> usize {
        block.kv_heads.len() * block.tokens.len() * self.group()
    }

    pub fn run(&self, kernels: &Kernels, pool: &Pool, out: &mut [f32]) {
        let blocks = self.blocks(pool.threads());
        let long = blocks.iter().any(|block| block.chunks().len() > 1);
        let out = Shareable(out.as_mut_ptr());
        if self.multiply_adds() < SMALL {
            blocks.iter().for_each(|block| self.run_block(kernels, block, out));
        } else if blocks.len() < 2 * pool.threads() && pool.threads() > 1 && long {
            self.run_split(kernels, pool, &blocks, out);
        } else {
            pool.run(blocks.len(), |i| self.run_block(kernels, &blocks[i], out));
        }
    }

    /// The same in bf16.
    pub fn run_on(&self, unit: &MatrixUnit, pool: &Pool, out: &mut [f32]) {
        let tasks = self.prompt_tasks(pool.threads(), Shareable(out.as_mut_ptr()));
        pool.run(tasks.len(), |i| {
            let task = &tasks[tasks.len() - 1 - i]; // the last tokens see most: what takes longest begins first
            scratch::with((unit.attend_scratch_len)(task.rows(), self.shape.head_dim), |scratch| {
                // SAFETY: the level is available, shapes and spans are checked; each task writes its tokens and heads.
                unsafe { (unit.attend)(task, scratch) }
            });
        });
    }

    /// With keys and with values, for all tokens.
    fn multiply_adds(&self) -> usize {
        let spans = self.sequences.iter().flat_map(|sequence| sequence.spans);
        2 * spans.map(Range::len).sum::<usize>() * self.shape.n_heads * self.shape.head_dim
    }

    /// Blocks of all heads read a cache from end to end: for a few tokens with many positions. Where those would be too
    /// few for the threads, or many tokens share what is read, each head is a block.
    fn blocks(&self, threads: usize) -> Vec<Block<'a>> {
        const TASKS_PER_THREAD: usize = 4;
        let tokens_at_once = (BLOCK_ROWS / self.group()).max(1);
        let (mut blocks, mut token) = (Vec::new(), 0);
        for KvSequence { k, v, spans } in self.sequences {
            for spans in spans.chunks(tokens_at_once) {
                let seen = spans.iter().filter(|span| !span.is_empty());
                let first = seen.clone().map(|span| span.start).min().unwrap_or(0);
                let end = seen.map(|span| span.end).max().unwrap_or(0);
                let (kv_heads, tokens) = (0..self.shape.n_kv_heads, token..token + spans.len());
                blocks.push(Block { k, v, spans, kv_heads, tokens, positions: first..end });
                token += spans.len();
            }
        }
        let chunks: usize = blocks.iter().map(|block| block.chunks().len()).sum();
        if blocks.len() <= self.sequences.len() && chunks >= TASKS_PER_THREAD * threads {
            return blocks;
        }
        let heads = 0..self.shape.n_kv_heads;
        let of_head = |block: &Block<'a>, head: usize| Block { kv_heads: head..head + 1, ..block.clone() };
        blocks.iter().flat_map(|block| heads.clone().map(|head| of_head(block, head))).collect()
    }

    /// Chunk after chunk, merged as they come.
    fn run_block(&self, kernels: &Kernels, block: &Block, out: Shareable<f32>) {
        let len = self.rows(block) * partials::partial_len(self.shape.head_dim);
        scratch::with(2 * len, |partials| {
            let (total, part) = partials.split_at_mut(len);
            self.begin(block, 0..block.kv_heads.len(), total);
            for chunk in block.chunks() {
                self.attend(kernels, block, chunk, part);
                self.merge(kernels, total, part);
            }
            self.finish(block, 0..block.kv_heads.len(), total, out);
        });
    }

    /// All chunks of all blocks at once, then the merging, each head's on its own.
    fn run_split(&self, kernels: &Kernels, pool: &Pool, blocks: &[Block], out: Shareable<f32>) {
        let width = partials::partial_len(self.shape.head_dim);
        let per_chunk = blocks.iter().map(|block| self.rows(block)).max().unwrap_or(0) * width;
        let tasks: Vec<(usize, usize)> =
            blocks.iter().enumerate().flat_map(|(i, block)| block.chunks().map(move |chunk| (i, chunk))).collect();
        let heads: Vec<(usize, usize)> =
            blocks.iter().enumerate().flat_map(|(i, block)| (0..block.kv_heads.len()).map(move |h| (i, h))).collect();
        scratch::with(tasks.len() * per_chunk, |parts| {
            pool.chunks_mut(parts, per_chunk, |i, part| {
                let (block, chunk) = tasks[i];
                self.attend(kernels, &blocks[block], chunk, part);
            });
            pool.run(heads.len(), |i| {
                let (index, head) = heads[i];
                let (block, rows) = (&blocks[index], self.rows(&blocks[index]) / blocks[index].kv_heads.len());
                let first = tasks.partition_point(|task| task.0 < index);
                scratch::with(rows * width, |total| {
                    self.begin(block, head..head + 1, total);
                    for part in parts.chunks_exact(per_chunk).skip(first).take(block.chunks().len()) {
                        self.merge(kernels, total, &part[head * total.len()..][..total.len()]);
                    }
                    self.finish(block, head..head + 1, total, out);
                });
            });
        });
    }

    /// Makes each row of some of the block's heads that of no position, or of its head's sink alone.
    fn begin(&self, block: &Block, heads: Range<usize>, total: &mut [f32]) {
        let head_dim = self.shape.head_dim;
        partials::clear(total, head_dim);
        let Some(sinks) = self.shape.sinks else { return };
        for (row, partial) in total.chunks_exact_mut(partials::partial_len(head_dim)).enumerate() {
            let sink = sinks[self.head(block, heads.start, row)];
            (partial[head_dim], partial[head_dim + 1]) = (sink * std::f32::consts::LOG2_E, 1.0);
        }
    }

    /// The query head of a row, counted from the block's key-value head `first`.
    fn head(&self, block: &Block, first: usize, row: usize) -> usize {
        let (group, tokens) = (self.group(), block.tokens.len());
        (block.kv_heads.start + first + row / (group * tokens)) * group + row % group
    }

    fn attend(&self, kernels: &Kernels, block: &Block, chunk: usize, part: &mut [f32]) {
        let task = ChunkTask { of: self, block, chunk };
        scratch::with(chunk::scratch_len(self.rows(block), block.kv_heads.len(), self.shape.head_dim), |scratch| {
            // SAFETY: the table's level is available, shapes and spans are checked, `part` has room for the rows.
            unsafe { (kernels.attend)(&task, part, scratch) }
        });
    }

    fn merge(&self, kernels: &Kernels, total: &mut [f32], part: &[f32]) {
        // SAFETY: the table's level is available; both are as many whole partials.
        unsafe { (kernels.merge_partials)(total, part, self.shape.head_dim) }
    }

    /// Divides by the sums of exponentials and writes the part of `out` that some of the block's heads have.
    fn finish(&self, block: &Block, heads: Range<usize>, total: &[f32], out: Shareable<f32>) {
        let AttentionShape { n_heads, head_dim, .. } = *self.shape;
        let (group, tokens) = (self.group(), block.tokens.len());
        for (row, partial) in total.chunks_exact(partials::partial_len(head_dim)).enumerate() {
            let head = self.head(block, heads.start, row);
            let at = ((block.tokens.start + row / group % tokens) * n_heads + head) * head_dim;
            // SAFETY: token and head lie within the shape; each is written by the one task that has its block and head.
            let out = unsafe { std::slice::from_raw_parts_mut(out.at(at), head_dim) };
            partials::normalise(partial, out);
        }
    }
}
