//! The executor's device.

use std::num::NonZeroUsize;
use std::ops::Range;

use crate::attention::Attention;
use crate::elementwise::turn;
use crate::kernels::{ByRow, Kernels};
use crate::matmul::bf16::{Bf16Task, PackTask, Packed};
use crate::matmul::by_row::{self, RowTask};
use crate::matmul::gemm::{self, GemmTask};
use crate::matmul::gemv::Gemv;
use crate::matmul::int8::Int8Task;
use crate::matmul::int8::inputs::{self, Inputs};
use crate::matmul::transposed::TransposedTask;
use crate::matrix::Layout;
use crate::pool::Shareable;
use crate::{
    Activation, Activations, AttentionShape, DType, Isa, KvSequence, Matrix, Phase, Pool, RopeShape, dequantise,
    scratch,
};

/// How many tokens' inputs `x` holds, once the shapes of all products are checked; without inputs, the results are zeros.
fn tokens_of(x: &[f32], products: &mut [Product]) -> Option<usize> {
    let cols = products.first().map_or(0, |product| product.w.cols());
    if cols == 0 || x.is_empty() {
        products.iter_mut().for_each(|product| product.out.fill(0.0));
        return None;
    }
    let n = x.len() / cols;
    assert_eq!(x.len(), n * cols, "inputs of {cols}");
    for Product { w, out } in &*products {
        assert_eq!((w.cols(), out.len()), (cols, n * w.rows()), "a product of {n} tokens");
    }
    Some(n)
}

/// Values that a task of an elementwise operation takes at least: some microseconds of work.
const VALUES_PER_TASK: usize = 1 << 14;

/// Threads that a device takes at most: far more than any machine has cores, few enough to be started.
pub const MAX_THREADS: usize = 1024;

/// Why there is no device.
#[derive(Debug, thiserror::Error)]
pub enum CpuError {
    /// The level asked for is not on this processor.
    #[error("this processor cannot execute `{wanted}`; its widest level is `{best}`")]
    Isa {
        /// The level that was asked for.
        wanted: Isa,
        /// The widest level here.
        best: Isa,
    },
    /// More threads than make sense anywhere.
    #[error("{wanted} threads were asked for; at most {} can be", MAX_THREADS)]
    TooManyThreads {
        /// Threads that were asked for.
        wanted: usize,
    },
    /// The system does not start the threads.
    #[error("the system does not start {wanted} threads: {source}")]
    Threads {
        /// Threads that were asked for.
        wanted: usize,
        /// What it says.
        source: std::io::Error,
    },
}

/// Weights to multiply with, and where the result goes.
pub struct Product<'a> {
    /// `(rows, cols)`
    pub w: Matrix<'a>,
    /// `(n, rows)`
    pub out: &'a mut [f32],
}

/// One instruction-set level and one thread pool: everything an executor computes with.
///
/// Results do not depend on the number of threads, nor on how many tokens share a call. All activations are f32,
/// row-major, one row per token.
pub struct Cpu {
    isa: Isa,
    kernels: &'static Kernels,
    pool: Pool,
}

impl Cpu {
    /// A device at level `isa` with `threads` threads, the caller's included.
    ///
    /// # Errors
    /// If this processor cannot execute `isa`, or there are not so many threads.
    pub fn new(isa: Isa, threads: NonZeroUsize) -> Result<Cpu, CpuError> {
        if !isa.is_available() {
            return Err(CpuError::Isa { wanted: isa, best: Isa::best() });
        }
        let wanted = threads.get();
        if wanted > MAX_THREADS {
            return Err(CpuError::TooManyThreads { wanted });
        }
        let pool = Pool::new(threads).map_err(|source| CpuError::Threads { wanted, source })?;
        Ok(Cpu { isa, kernels: Kernels::of(isa), pool })
    }

    pub(crate) fn kernels(&self) -> &'static Kernels {
        self.kernels
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

    /// What the production kernels of this level round activations to, before they meet weights stored as `dtype`.
    pub fn fastest(&self, phase: Phase, dtype: DType) -> Activations {
        Activations::fastest(self.kernels, phase, dtype)
    }

    /// Every product of `products` with the same inputs: `out = x @ w.T` with `x` `(n, cols)` and each `out` `(n, rows)`.
    /// Neighbours that one kernel multiplies are one job, and what is made of `x` is made once for them.
    ///
    /// # Panics
    /// If the slices do not have these shapes for one `n`, or the level does not offer `activations` for a type of theirs.
    pub fn multiply(&self, phase: Phase, activations: Activations, x: &[f32], products: &mut [Product]) {
        for alike in
            products.chunk_by_mut(|a, b| self.by_row(phase, activations, a) == self.by_row(phase, activations, b))
        {
            match self.by_row(phase, activations, &alike[0]) {
                true => self.multiply_by_row(activations, x, alike),
                false => self.multiply_by_tiles(activations, x, alike),
            }
        }
    }

    /// Whether the level multiplies `product` row by row.
    fn by_row(&self, phase: Phase, activations: Activations, product: &Product) -> bool {
        let by_rows = !matches!(product.w.layout, Layout::Transposed { .. });
        let offered = |by_row: &ByRow| (by_row.activations)(product.w.dtype()) == Some(activations);
        phase == Phase::Decode && by_rows && self.kernels.by_row.as_ref().is_some_and(offered)
    }

    fn multiply_by_row(&self, activations: Activations, x: &[f32], products: &mut [Product]) {
        let by_row = self.kernels.by_row.as_ref().expect("a level that multiplies row by row");
        let Some(n) = tokens_of(x, products) else { return };
        let cols = products[0].w.cols();
        let lens = (by_row.lens)(activations, cols);
        scratch::with(n * lens.record / size_of::<f32>(), |records| {
            self.pool.chunks_mut(records, lens.record / size_of::<f32>(), |token, to| {
                // SAFETY: the level is available; `to` is as long as the record of `cols` values.
                unsafe { (by_row.prepare)(activations, &x[token * cols..][..cols], to.as_mut_ptr().cast()) }
            });
            // SAFETY: the records are written and outlive the tasks.
            let x = unsafe { by_row::Inputs::new(records.as_ptr().cast(), n, lens) };
            self.run_products(
                products,
                |w| self.rows_per_task(w, n, 1),
                // SAFETY: the level is available, shapes are checked; each task writes its own rows of `out`.
                |w, rows, out| unsafe { (by_row.multiply)(&RowTask { w, rows, x: &x, out, fetch: by_row.fetch }) },
            );
        });
    }

    fn multiply_by_tiles(&self, activations: Activations, x: &[f32], products: &mut [Product]) {
        match activations {
            Activations::F32 => products.iter_mut().for_each(|Product { w, out }| self.matmul(w, x, out)),
            Activations::Int8 => self.multiply_int8(x, products),
            Activations::Bf16 => self.multiply_bf16(x, products),
        }
    }

    fn multiply_int8(&self, x: &[f32], products: &mut [Product]) {
        let Some(n) = tokens_of(x, products) else { return };
        let cols = products[0].w.cols();
        for Product { w, .. } in &*products {
            assert!(!w.dtype().is_float(), "{} weights have no integer codes", w.dtype());
        }
        let record = inputs::record_len(cols);
        scratch::with(n * record / size_of::<f32>(), |records| {
            self.pool.chunks_mut(records, record / size_of::<f32>(), |token, to| {
                // SAFETY: the level is available; `to` is as long as the record of `cols` values.
                unsafe { (self.kernels.quantise)(&x[token * cols..][..cols], to.as_mut_ptr().cast()) }
            });
            // SAFETY: the records are written and outlive the tasks.
            let x = unsafe { Inputs::new(records.as_ptr().cast(), cols, n) };
            self.run_products(
                products,
                |w| self.rows_per_task(w, n, 2 * self.kernels.lanes),
                |w, rows, out| {
                    let task = Int8Task { w, rows, x: &x, out };
                    scratch::with(self.kernels.int8_scratch + n * 2 * self.kernels.lanes, |scratch| {
                        // SAFETY: the level is available, shapes are checked; each task writes its own rows of `out`.
                        unsafe { (self.kernels.int8)(&task, scratch) }
                    });
                },
            );
        });
    }

    /// Weights stored by inputs, which only unquantised checkpoints have, take the way of [`Activations::F32`].
    fn multiply_bf16(&self, x: &[f32], products: &mut [Product]) {
        let unit = self.kernels.matrix_unit.as_ref().expect("a level with a matrix unit");
        let (transposed, products): (Vec<_>, Vec<_>) =
            products.iter_mut().partition(|product| matches!(product.w.layout, Layout::Transposed { .. }));
        transposed.into_iter().for_each(|Product { w, out }| self.matmul(w, x, out));
        let Some(first) = products.first() else { return };
        let cols = first.w.cols();
        if cols == 0 || x.is_empty() {
            return products.into_iter().for_each(|Product { out, .. }| out.fill(0.0));
        }
        let n = x.len() / cols;
        for Product { w, out } in &products {
            assert!(!matches!(w.dtype(), DType::F32 | DType::F16), "{} weights are not rounded to bf16", w.dtype());
            assert_eq!((w.cols(), x.len(), out.len()), (cols, n * cols, n * w.rows()), "inputs and outputs of {n}");
        }
        let rows = products.iter().map(|product| product.w.rows()).sum::<usize>();
        let task_rows = rows.div_ceil(4 * self.threads()).next_multiple_of(32).clamp(32, unit.task_rows);
        scratch::with(Packed::floats(n, cols), |packed| {
            let packed = Packed { at: Shareable(packed.as_mut_ptr().cast()), n, cols };
            self.pool.run(packed.blocks(), |block| {
                // SAFETY: the level is available, `x` has the shape; each task writes its own block.
                unsafe { (unit.pack)(&PackTask { x, to: packed, block }) }
            });
            self.run_products(
                products,
                |_| task_rows,
                |w, rows, out| {
                    scratch::with((unit.scratch_len)(rows.len(), n), |scratch| {
                        // SAFETY: the level is available, shapes are checked; each task writes its own rows of `out`.
                        unsafe { (unit.multiply)(&Bf16Task { w, rows, x: packed, out }, scratch) }
                    });
                },
            );
        });
    }

    /// Runs `task` on parts of the rows of all products, `rows_per_task` each, as one job.
    fn run_products<'p, 'a: 'p>(
        &self,
        products: impl IntoIterator<Item = &'p mut Product<'a>>,
        rows_per_task: impl Fn(&Matrix) -> usize,
        task: impl Fn(&Matrix, Range<usize>, *mut f32) + Sync,
    ) {
        let parts: Vec<_> = products
            .into_iter()
            .map(|Product { w, out }| (*w, Shareable(out.as_mut_ptr()), rows_per_task(w)))
            .collect();
        let tasks = parts.iter().map(|(w, _, rows)| w.rows().div_ceil(*rows)).sum();
        self.pool.run(tasks, |mut index| {
            for (w, out, rows) in &parts {
                let tasks = w.rows().div_ceil(*rows);
                if index < tasks {
                    // SAFETY: offset 0.
                    return task(w, index * rows..((index + 1) * rows).min(w.rows()), unsafe { out.at(0) });
                }
                index -= tasks;
            }
        });
    }

    /// `out = x @ w.T`: `x` is `(n, cols)`, `out` is `(n, rows)`.
    ///
    /// # Panics
    /// If the slices do not have these shapes for one `n`.
    pub fn matmul(&self, w: &Matrix, x: &[f32], out: &mut [f32]) {
        let (rows, cols) = (w.rows(), w.cols());
        if rows == 0 || cols == 0 {
            return out.fill(0.0);
        }
        let n = x.len() / cols;
        assert_eq!(x.len(), n * cols, "inputs of {cols}");
        assert_eq!(out.len(), n * rows, "outputs of {n} x {rows}");
        match (w.layout, n) {
            (_, 0) => (),
            (Layout::Transposed { .. }, _) => self.gemm_transposed(w, x, n, out),
            (_, 1) => self.gemv(w, x, out),
            (_, _) => self.gemm(w, x, n, out),
        }
    }

    fn gemv(&self, w: &Matrix, x: &[f32], out: &mut [f32]) {
        let rows = self.rows_per_task(w, 1, 4);
        self.pool.chunks_mut(out, rows, |task, out| {
            let rows = task * rows..task * rows + out.len();
            // SAFETY: the level is available; `x` has `w.cols()` values and `out` one per row.
            unsafe { (self.kernels.gemv)(Gemv { w, rows, x, out }) }
        });
    }

    fn gemm(&self, w: &Matrix, x: &[f32], n: usize, out: &mut [f32]) {
        let rows = self.rows_per_task(w, n, 4).min(gemm::ROWS);
        let out = Shareable(out.as_mut_ptr());
        self.pool.run(w.rows().div_ceil(rows), |task| {
            let rows = task * rows..((task + 1) * rows).min(w.rows());
            scratch::with(gemm::scratch_len(w.cols(), n, self.kernels.lanes), |scratch| {
                // SAFETY: the level is available, `matmul` checked the shapes; each task writes its own rows of `out`.
                unsafe { (self.kernels.gemm)(&GemmTask { w, rows, x, n, out: out.at(0) }, scratch) }
            });
        });
    }

    fn gemm_transposed(&self, w: &Matrix, x: &[f32], n: usize, out: &mut [f32]) {
        let outputs = self.rows_per_task(w, n, 4 * self.kernels.lanes);
        let out = Shareable(out.as_mut_ptr());
        self.pool.run(w.rows().div_ceil(outputs), |task| {
            let outputs = task * outputs..((task + 1) * outputs).min(w.rows());
            // SAFETY: as above, for outputs.
            unsafe { (self.kernels.gemm_transposed)(&TransposedTask { w, outputs, x, n, out: out.at(0) }) }
        });
    }

    /// Rows that one task takes, a multiple of `unit`: several tasks per thread, for an even end, but none so small
    /// that handing it out shows.
    fn rows_per_task(&self, w: &Matrix, n: usize, unit: usize) -> usize {
        const MULTIPLY_ADDS: usize = 1 << 15; // some microseconds
        let even = w.rows().div_ceil(8 * self.threads());
        let least = MULTIPLY_ADDS / (w.cols() * n) + 1;
        even.max(least).next_multiple_of(unit)
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

    /// What the production kernels of this level round queries, keys, values and their weights to in attention.
    pub fn fastest_attention(&self, phase: Phase) -> Activations {
        match (phase, &self.kernels.matrix_unit) {
            (Phase::Prefill, Some(_)) => Activations::Bf16,
            _ => Activations::F32,
        }
    }

    /// Attention of query tokens over cached positions: `q` and `out` are `(n, n_heads * head_dim)`, the tokens of the
    /// first sequence, then those of the next. A token that sees nothing gets zeros.
    ///
    /// # Panics
    /// If the slices do not have these shapes, a span ends beyond the cached positions, or the level does not attend with
    /// `activations`.
    pub fn attention(
        &self,
        phase: Phase,
        activations: Activations,
        shape: &AttentionShape,
        q: &[f32],
        sequences: &[KvSequence],
        out: &mut [f32],
    ) {
        let attention = Attention { phase, shape, q, sequences };
        attention.check(out);
        match activations {
            Activations::F32 => attention.run(self.kernels, &self.pool, out),
            Activations::Bf16 => {
                let unit = self.kernels.matrix_unit.as_ref().expect("a level with a matrix unit");
                attention.run_on(unit, &self.pool, out);
            }
            Activations::Int8 => panic!("scores of 8 bits would not tell positions apart"),
        }
    }

    /// Each row of `width` values over its root mean square, times `weight` (any `+ 1` already added) if there is one.
    ///
    /// # Panics
    /// If `width` does not divide `x`, or `out` or `weight` has another length.
    pub fn rms_norm(&self, x: &[f32], weight: Option<&[f32]>, eps: f32, width: usize, out: &mut [f32]) {
        assert!(width > 0 && x.len().is_multiple_of(width), "rows of {width} in {}", x.len());
        assert!(weight.is_none_or(|weight| weight.len() == width), "a weight for each of {width}");
        assert_eq!(out.len(), x.len());
        let chunk = VALUES_PER_TASK.next_multiple_of(width);
        self.pool.chunks_mut(out, chunk, |i, out| {
            let x = &x[i * chunk..][..out.len()];
            // SAFETY: the level is available; lengths are checked above and chunks are whole rows.
            unsafe { (self.kernels.rms_norm)(x, weight, eps, width, out) }
        });
    }

    /// Each row of `weight.len()` values less its mean, over its deviation, times `weight` plus `bias`.
    ///
    /// # Panics
    /// If the width does not divide `x`, or `out` or `bias` has another length.
    pub fn layer_norm(&self, x: &[f32], weight: &[f32], bias: &[f32], eps: f32, out: &mut [f32]) {
        let width = weight.len();
        assert!(width > 0 && x.len().is_multiple_of(width), "rows of {width} in {}", x.len());
        assert_eq!((bias.len(), out.len()), (width, x.len()));
        let chunk = VALUES_PER_TASK.next_multiple_of(width);
        self.pool.chunks_mut(out, chunk, |i, out| {
            let x = &x[i * chunk..][..out.len()];
            // SAFETY: the level is available; lengths are checked above and chunks are whole rows.
            unsafe { (self.kernels.layer_norm)(x, weight, bias, eps, out) }
        });
    }

    /// `out = act(x)`, value by value.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn activate(&self, act: Activation, x: &[f32], out: &mut [f32]) {
        assert_eq!(x.len(), out.len());
        self.pool.chunks_mut(out, VALUES_PER_TASK, |i, out| {
            // SAFETY: the level is available and the lengths are equal.
            unsafe { (self.kernels.activate)(act, &x[i * VALUES_PER_TASK..][..out.len()], out) }
        });
    }

    /// `out = act(gate) * up`, value by value.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn gated(&self, act: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
        assert_eq!((gate.len(), up.len()), (out.len(), out.len()));
        self.pool.chunks_mut(out, VALUES_PER_TASK, |i, out| {
            let (gate, up) = (&gate[i * VALUES_PER_TASK..][..out.len()], &up[i * VALUES_PER_TASK..][..out.len()]);
            // SAFETY: the level is available and the lengths are equal.
            unsafe { (self.kernels.gated)(act, gate, up, out) }
        });
    }

    /// Rotary embedding in place: `x` is `(n, heads, head_dim)`, `cos` and `sin` are `(n, rotary_dim / 2)`.
    ///
    /// # Panics
    /// If the slices do not have these shapes, or `rotary_dim` is odd or above `head_dim`.
    pub fn rope(&self, shape: &RopeShape, x: &mut [f32], cos: &[f32], sin: &[f32]) {
        let RopeShape { heads, head_dim, rotary_dim, layout } = *shape;
        assert!(rotary_dim.is_multiple_of(2) && rotary_dim <= head_dim, "{rotary_dim} of {head_dim} values turn");
        let (token, half) = (heads * head_dim, rotary_dim / 2);
        if token == 0 || half == 0 {
            return;
        }
        let n = x.len() / token;
        assert_eq!((x.len(), cos.len(), sin.len()), (n * token, n * half, n * half), "heads and angles of {n} tokens");
        let chunk = VALUES_PER_TASK.next_multiple_of(token);
        self.pool.chunks_mut(x, chunk, |i, x| {
            for (t, token) in (i * (chunk / token)..).zip(x.chunks_exact_mut(token)) {
                let angles = t * half..(t + 1) * half;
                for head in token.chunks_exact_mut(head_dim) {
                    turn(layout, &mut head[..rotary_dim], &cos[angles.clone()], &sin[angles.clone()]);
                }
            }
        });
    }

    /// Adds `bias` to each row of `x`, `(n, bias.len())`.
    ///
    /// # Panics
    /// If the width does not divide `x`.
    pub fn add_bias(&self, bias: &[f32], x: &mut [f32]) {
        let width = bias.len();
        assert!(width > 0 && x.len().is_multiple_of(width), "rows of {width} in {}", x.len());
        self.pool.chunks_mut(x, VALUES_PER_TASK.next_multiple_of(width), |_, rows| {
            for row in rows.chunks_exact_mut(width) {
                row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
            }
        });
    }

    /// `out = a + b`, value by value.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&self, a: &[f32], b: &[f32], out: &mut [f32]) {
        assert_eq!((a.len(), b.len()), (out.len(), out.len()));
        self.pool.chunks_mut(out, VALUES_PER_TASK, |i, out| {
            let start = i * VALUES_PER_TASK;
            for ((out, a), b) in out.iter_mut().zip(&a[start..]).zip(&b[start..]) {
                *out = a + b;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_threads_than_make_sense_are_refused_before_any_starts() {
        let wanted = NonZeroUsize::new(1_000_000).unwrap();
        assert!(matches!(Cpu::new(Isa::Scalar, wanted), Err(CpuError::TooManyThreads { wanted: 1_000_000 })));
    }
}
