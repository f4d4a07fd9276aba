//! Linear attention with a decay: a matrix for each head that every token fades, adds an outer product to, and reads.
//!
//! Sources: Yang, Kautz, Hatamizadeh, Gated Delta Networks (2024), equation 10; Dao, Gu, Mamba-2 (2024), in its recurrent
//! form, where the matrix is the state turned round: keys are B, queries C, values x.
#![allow(unsafe_op_in_unsafe_fn)] // the contract of `crate::vector`

use super::convolution::{load, store};
use crate::pool::Shareable;
use crate::vector::Vector;

/// What a token adds to the matrix of a head, `k uᵀ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Write {
    /// `u = β v`
    Sum,
    /// The delta rule: `u = β (v − Sᵀ k)`, of the faded matrix.
    Delta,
}

/// The heads of a layer, and how they work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LinearAttention {
    /// Heads of keys and queries.
    pub key_heads: usize,
    /// Heads of values; a multiple of `key_heads`.
    pub value_heads: usize,
    /// Values of a key.
    pub key_dim: usize,
    /// Values of a value.
    pub value_dim: usize,
    /// Whether value head `j` reads key head `j mod key_heads`, or `⌊j / (value_heads / key_heads)⌋`.
    pub tiled: bool,
    /// Multiplied onto queries.
    pub query_scale: f32,
    /// Multiplied onto keys.
    pub key_scale: f32,
    /// What a token adds.
    pub write: Write,
}

impl LinearAttention {
    /// Values that are kept of a sequence: `(value_heads, key_dim, value_dim)`.
    pub fn state_len(&self) -> usize {
        self.value_heads * self.key_dim * self.value_dim
    }

    fn key_head(&self, value_head: usize) -> usize {
        match self.tiled {
            true => value_head % self.key_heads,
            false => value_head / (self.value_heads / self.key_heads),
        }
    }
}

/// What the tokens of a step bring, row by row.
#[derive(Clone, Copy, Debug)]
pub struct LinearAttentionInputs<'a> {
    /// `(n, key_heads * key_dim)`
    pub q: &'a [f32],
    /// As `q`.
    pub k: &'a [f32],
    /// `(n, value_heads * value_dim)`
    pub v: &'a [f32],
    /// How much of the matrix each head keeps, `(n, value_heads)`.
    pub keep: &'a [f32],
    /// β, as `keep`.
    pub beta: &'a [f32],
}

/// The tokens of one sequence.
pub(crate) struct LinearAttentionTask<'a> {
    pub of: LinearAttention,
    pub inputs: LinearAttentionInputs<'a>,
    /// `(value_heads, key_dim, value_dim)`
    pub state: Shareable<f32>,
    /// `(n, value_heads * value_dim)`
    pub out: Shareable<f32>,
}

/// Registers of a head's values that are taken at once.
const WIDE: usize = 4;
/// Tokens for which columns of the matrix are brought together: rows that lie a power of two apart fall into few sets of the
/// nearest cache, and drive each other out.
const GATHERED: usize = 4;

/// Floats of working memory for heads of so many key values.
pub(crate) fn scratch_len(key_dim: usize, lanes: usize) -> usize {
    key_dim * WIDE * lanes
}

/// Columns `from..to` of the values of one head, for all tokens; `scratch` has [`scratch_len`] floats.
#[inline(always)]
pub(crate) unsafe fn attend<V: Vector>(
    task: &LinearAttentionTask,
    head: usize,
    from: usize,
    to: usize,
    scratch: &mut [f32],
) {
    let LinearAttention { value_heads, key_dim, value_dim, .. } = task.of;
    let n = task.inputs.keep.len() / value_heads;
    let mut at = from;
    while to - at >= WIDE * V::LANES {
        let state = task.state.at(head * key_dim * value_dim + at);
        if n < GATHERED {
            attend_columns::<V, WIDE, true>(task, head, at, V::LANES, (state, value_dim));
        } else {
            let (gathered, width) = (scratch.as_mut_ptr(), WIDE * V::LANES);
            copy_columns::<V>(state, value_dim, gathered, width, key_dim);
            attend_columns::<V, WIDE, true>(task, head, at, V::LANES, (gathered, width));
            copy_columns::<V>(gathered, width, state, value_dim, key_dim);
        }
        at += WIDE * V::LANES;
    }
    while at < to {
        let state = task.state.at(head * key_dim * value_dim + at);
        attend_columns::<V, 1, false>(task, head, at, V::LANES.min(to - at), (state, value_dim));
        at += V::LANES;
    }
}

/// `WIDE` registers of each of `rows`, from rows that are `stride` apart to such as are `to_stride` apart.
#[inline(always)]
unsafe fn copy_columns<V: Vector>(from: *mut f32, stride: usize, to: *mut f32, to_stride: usize, rows: usize) {
    let mut row = 0;
    while row < rows {
        let mut r = 0;
        while r < WIDE {
            V::load(from.add(row * stride + r * V::LANES)).store(to.add(row * to_stride + r * V::LANES));
            r += 1;
        }
        row += 1;
    }
}

/// `R` registers of columns, `FULL` or the last of `lanes` alone, of the matrix whose rows begin at `state` and are a stride
/// apart. A token's pass over them reads for the next one, too: with the operations and in the order of a pass of its own.
#[inline(always)]
unsafe fn attend_columns<V: Vector, const R: usize, const FULL: bool>(
    task: &LinearAttentionTask,
    head: usize,
    at: usize,
    lanes: usize,
    (state, stride): (*mut f32, usize),
) {
    let lanes = if FULL { V::LANES } else { lanes };
    let LinearAttention { key_heads, value_heads, key_dim, value_dim, query_scale, key_scale, write, .. } = task.of;
    let LinearAttentionInputs { q, k, v, keep, beta } = task.inputs;
    let n = keep.len() / value_heads;
    let (width, first) = (key_heads * key_dim, task.of.key_head(head) * key_dim);
    let mut read = [V::zero(); R];
    if write == Write::Delta {
        read = read_with::<V, R>(k.as_ptr().add(first), key_scale, key_dim, (state, stride), lanes);
    }
    let mut token = 0;
    while token < n {
        let (k, q) = (k.as_ptr().add(token * width + first), q.as_ptr().add(token * width + first));
        // Of the last token its own keys once more, of which nothing is made.
        let next = if token + 1 < n { k.add(width) } else { k };
        let column = (token * value_heads + head) * value_dim + at;
        let of_head = token * value_heads + head;
        let (keep, beta) = (V::splat(*keep.as_ptr().add(of_head)), V::splat(*beta.as_ptr().add(of_head)));
        let mut update = [V::zero(); R];
        let mut r = 0;
        while r < R {
            let value = load::<V>(v.as_ptr().add(column + r * V::LANES), lanes);
            update[r] = value.sub(read[r].mul(keep)).mul(beta);
            r += 1;
        }
        read = [V::zero(); R];
        let mut sum = [V::zero(); R];
        let mut i = 0;
        while i < key_dim {
            let (key, query) = (V::splat(*k.add(i) * key_scale), V::splat(*q.add(i) * query_scale));
            let next_key = V::splat(*next.add(i) * key_scale);
            let mut r = 0;
            while r < R {
                let at = state.add(i * stride + r * V::LANES);
                let s = update[r].mul_add(key, load::<V>(at, lanes).mul(keep));
                store(s, at, lanes);
                sum[r] = s.mul_add(query, sum[r]);
                if write == Write::Delta {
                    read[r] = s.mul_add(next_key, read[r]);
                }
                r += 1;
            }
            i += 1;
        }
        let mut r = 0;
        while r < R {
            store(sum[r], task.out.at(column + r * V::LANES), lanes);
            r += 1;
        }
        token += 1;
    }
}

/// `Sᵀ k` of `R` registers of columns.
#[inline(always)]
unsafe fn read_with<V: Vector, const R: usize>(
    k: *const f32,
    key_scale: f32,
    key_dim: usize,
    (state, stride): (*mut f32, usize),
    lanes: usize,
) -> [V; R] {
    let mut read = [V::zero(); R];
    let mut i = 0;
    while i < key_dim {
        let key = V::splat(*k.add(i) * key_scale);
        let mut r = 0;
        while r < R {
            read[r] = load::<V>(state.add(i * stride + r * V::LANES), lanes).mul_add(key, read[r]);
            r += 1;
        }
        i += 1;
    }
    read
}
