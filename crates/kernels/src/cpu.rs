//! The executor's device.

use std::num::NonZeroUsize;
use std::ops::Range;

use half::f16;

use crate::matrix::Layout;
use crate::{Activation, AttentionShape, Isa, IsaUnavailable, KvRows, Matrix, Pool, RopeLayout, RopeShape, dequantise};

/// One instruction-set level and one thread pool: everything an executor computes with.
///
/// Results do not depend on the number of threads, nor on how many tokens share a call. All activations are f32,
/// row-major, one row per token.
pub struct Cpu {
    isa: Isa,
    pool: Pool,
}

impl Cpu {
    /// A device at level `isa` with `threads` threads, the caller's included.
    ///
    /// # Errors
    /// If this processor cannot execute `isa`.
    pub fn new(isa: Isa, threads: NonZeroUsize) -> Result<Cpu, IsaUnavailable> {
        if !isa.is_available() {
            return Err(IsaUnavailable { wanted: isa, best: Isa::best() });
        }
        Ok(Cpu { isa, pool: Pool::new(threads) })
    }

    /// The level in use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Threads in use.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// The threads, for work of the caller's own.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// `out = x @ w.T`: `x` is `(n, cols)`, `out` is `(n, rows)`.
    ///
    /// # Panics
    /// If the slices do not have these shapes for some `n`.
    pub fn matmul(&self, w: &Matrix, x: &[f32], out: &mut [f32]) {
        let (rows, cols) = (w.rows(), w.cols());
        let mut weights = vec![0.0; cols];
        for row in 0..rows {
            self.embed_row(w, row, &mut weights);
            for (x, out) in x.chunks_exact(cols).zip(out.chunks_exact_mut(rows)) {
                out[row] = x.iter().zip(&weights).map(|(x, w)| x * w).sum();
            }
        }
    }

    /// Row `row` of `table`, widened: `out` is `(cols,)`.
    ///
    /// # Panics
    /// If `row` or the length of `out` does not fit the table.
    pub fn embed_row(&self, table: &Matrix, row: usize, out: &mut [f32]) {
        assert_eq!(out.len(), table.cols());
        match table.layout {
            Layout::Transposed { .. } => {
                let width = table.dtype().block_bytes();
                for (col, out) in out.iter_mut().enumerate() {
                    let bytes = &table.column_tail(col)[row * width..][..width];
                    dequantise(table.dtype(), bytes, std::slice::from_mut(out));
                }
            }
            _ => dequantise(table.dtype(), table.row(row), out),
        }
    }

    /// Attention of `n` query tokens over cached positions: `q` and `out` are `(n, n_heads * head_dim)`, `k` and `v`
    /// are `(n_positions, n_kv_heads * head_dim)`, and token `t` sees the positions `spans[t]`. A token that sees
    /// nothing gets zeros.
    ///
    /// # Panics
    /// If the slices do not have these shapes or a span ends beyond the cached positions.
    pub fn attention(
        &self,
        shape: &AttentionShape,
        q: &[f32],
        k: KvRows,
        v: KvRows,
        spans: &[Range<usize>],
        out: &mut [f32],
    ) {
        let AttentionShape { n_heads, n_kv_heads, head_dim, scale, softcap } = *shape;
        let at = |rows: KvRows, i: usize| match rows {
            KvRows::F32(values) => values[i],
            KvRows::F16(values) => f16::to_f32(values[i]),
        };
        assert_eq!(k.len(), v.len());
        for (t, span) in spans.iter().enumerate() {
            for head in 0..n_heads {
                let q = &q[(t * n_heads + head) * head_dim..][..head_dim];
                let kv = |position: usize| (position * n_kv_heads + head / (n_heads / n_kv_heads)) * head_dim;
                let mut scores: Vec<f32> = span
                    .clone()
                    .map(|p| {
                        let score = scale * q.iter().enumerate().map(|(i, q)| q * at(k, kv(p) + i)).sum::<f32>();
                        softcap.map_or(score, |cap| cap * (score / cap).tanh())
                    })
                    .collect();
                let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                scores.iter_mut().for_each(|score| *score = (*score - max).exp());
                let total: f32 = scores.iter().sum();
                for (i, out) in out[(t * n_heads + head) * head_dim..][..head_dim].iter_mut().enumerate() {
                    let sum: f32 = span.clone().zip(&scores).map(|(p, weight)| weight * at(v, kv(p) + i)).sum();
                    *out = if scores.is_empty() { 0.0 } else { sum / total };
                }
            }
        }
    }

    /// Each row of `width` values over its root mean square, times `weight` (any `+ 1` already added) if there is one.
    ///
    /// # Panics
    /// If `width` does not divide `x`, or `out` or `weight` has another length.
    pub fn rms_norm(&self, x: &[f32], weight: Option<&[f32]>, eps: f32, width: usize, out: &mut [f32]) {
        for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let mean = x.iter().map(|x| x * x).sum::<f32>() / width as f32;
            let factor = 1.0 / (mean + eps).sqrt();
            for (i, (x, out)) in x.iter().zip(out).enumerate() {
                *out = x * factor * weight.map_or(1.0, |weight| weight[i]);
            }
        }
    }

    /// `out = act(gate) * up`, value by value.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn gated(&self, act: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
        let act = |x: f32| match act {
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::GeluTanh => x / (1.0 + (-1.595_769_1 * (x + 0.044715 * x * x * x)).exp()),
            Activation::Gelu => todo_gelu(x),
        };
        for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
            *out = act(*gate) * up;
        }
    }

    /// Rotary embedding in place: `x` is `(n, heads, head_dim)`, `cos` and `sin` are `(n, rotary_dim / 2)`.
    ///
    /// # Panics
    /// If the slices do not have these shapes, or `rotary_dim` is odd or above `head_dim`.
    pub fn rope(&self, shape: &RopeShape, x: &mut [f32], cos: &[f32], sin: &[f32]) {
        let half = shape.rotary_dim / 2;
        for (t, token) in x.chunks_exact_mut(shape.heads * shape.head_dim).enumerate() {
            for head in token.chunks_exact_mut(shape.head_dim) {
                for i in 0..half {
                    let (a, b) = match shape.layout {
                        RopeLayout::Halves => (i, i + half),
                        RopeLayout::Interleaved => (2 * i, 2 * i + 1),
                    };
                    let (x, y, c, s) = (head[a], head[b], cos[t * half + i], sin[t * half + i]);
                    (head[a], head[b]) = (x * c - y * s, y * c + x * s);
                }
            }
        }
    }

    /// `out = a + b`, value by value.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&self, a: &[f32], b: &[f32], out: &mut [f32]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a + b;
        }
    }
}

fn todo_gelu(x: f32) -> f32 {
    x / (1.0 + (-1.595_769_1 * (x + 0.044715 * x * x * x)).exp())
}
