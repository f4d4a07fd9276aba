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

/// Columns `from..to` of the values of one head, for all tokens.
#[inline(always)]
pub(crate) unsafe fn attend<V: Vector>(task: &LinearAttentionTask, head: usize, from: usize, to: usize) {
    let mut at = from;
    while to - at >= WIDE * V::LANES {
        attend_columns::<V, WIDE>(task, head, at, V::LANES);
        at += WIDE * V::LANES;
    }
    while at < to {
        attend_columns::<V, 1>(task, head, at, V::LANES.min(to - at));
        at += V::LANES;
    }
}

/// `R` registers of columns; a single one may be of fewer lanes.
#[inline(always)]
unsafe fn attend_columns<V: Vector, const R: usize>(task: &LinearAttentionTask, head: usize, at: usize, lanes: usize) {
    let LinearAttention { key_heads, value_heads, key_dim, value_dim, query_scale, key_scale, write, .. } = task.of;
    let LinearAttentionInputs { q, k, v, keep, beta } = task.inputs;
    let n = keep.len() / value_heads;
    let key_head = task.of.key_head(head);
    let state = task.state.at(head * key_dim * value_dim + at);
    let mut token = 0;
    while token < n {
        let k = k.as_ptr().add((token * key_heads + key_head) * key_dim);
        let q = q.as_ptr().add((token * key_heads + key_head) * key_dim);
        let column = (token * value_heads + head) * value_dim + at;
        let of_head = token * value_heads + head;
        let (keep, beta) = (V::splat(*keep.as_ptr().add(of_head)), V::splat(*beta.as_ptr().add(of_head)));
        let mut read = [V::zero(); R];
        if write == Write::Delta {
            let mut i = 0;
            while i < key_dim {
                let key = V::splat(*k.add(i) * key_scale);
                let mut r = 0;
                while r < R {
                    let s = load::<V>(state.add(i * value_dim + r * V::LANES), lanes);
                    read[r] = s.mul_add(key, read[r]);
                    r += 1;
                }
                i += 1;
            }
        }
        let mut update = [V::zero(); R];
        let mut r = 0;
        while r < R {
            let value = load::<V>(v.as_ptr().add(column + r * V::LANES), lanes);
            update[r] = value.sub(read[r].mul(keep)).mul(beta);
            r += 1;
        }
        let mut sum = [V::zero(); R];
        let mut i = 0;
        while i < key_dim {
            let (key, query) = (V::splat(*k.add(i) * key_scale), V::splat(*q.add(i) * query_scale));
            let mut r = 0;
            while r < R {
                let at = state.add(i * value_dim + r * V::LANES);
                let s = update[r].mul_add(key, load::<V>(at, lanes).mul(keep));
                store(s, at, lanes);
                sum[r] = s.mul_add(query, sum[r]);
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
