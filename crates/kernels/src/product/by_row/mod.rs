//! Generated tokens: rows one after another, in the order in which they lie in memory, so that the hardware's prefetchers
//! run ahead of one long stream. Lanes are groups of a row's values; a row's lanes are summed once, at its end.
//!
//! A prompt's kernels ([`super::int8`], [`super::panel`]) have rows in their lanes, which suits many tokens and reads
//! sixteen short streams at once: half to four fifths of what memory gives. Their sums are in another order, so which of
//! the two multiplies follows from the phase.
//!
//! Of a row, lane `l` of the sum has every sixteenth group of 32 values from the `l`th on, in order (of BF16: see
//! [`bf16`]), then the lanes are added by [`Vector::sum`]. With `I` the dot product of codes, `dx` and `S` scale and sum
//! of the activations' codes, `k` and `m` the integers of a group under the scales of its block:
//!
//! ```text
//! sum = fma(I, s * dx, sum)                       Q4_0, Q8_0
//! sum = fma(k I, d * dx, sum)                     Q6_K: the sum over both of its groups of 16
//! sum = fma(-m, dmin * (dx * S), fma(k I, d * dx, sum))    Q4_K
//! ```
//!
//! Only AVX-512 with VNNI and VBMI has it: narrower registers hold half a load, and the levels that have them read at the
//! speed of memory with rows in lanes.
//!
//! # Safety
//! As in [`crate::vector`]; in addition the slices have the shapes that [`crate::Cpu`] has checked.
#![allow(unsafe_op_in_unsafe_fn)] // here and below, under this contract

mod bf16;
mod inputs;
mod q4_0;
mod q4_k;
mod q6_k;
mod q8_0;
mod reduce;

use std::ops::Range;

use crate::vector::{F32x16, Vector};
use crate::{Activations, DType, Matrix};
pub(crate) use inputs::{Inputs, prepare, record_len};

/// Tokens that share the unpacking of a step: their sums and dot products stay in registers.
const TOKENS: usize = 4;
const CACHE_LINE: usize = 64;
/// Bytes that are asked for before they are multiplied: of 1, 2, 4 and 8 KiB the best on Zen 5.
const AHEAD: usize = 4096;
/// Most bytes of a step: 512 values of `Q8_0`.
const STEP_BYTES: usize = 544;

/// `out[t, row] = w[row] · x[t]` for some rows and all tokens.
pub(crate) struct RowTask<'a> {
    /// Stored by rows, of a type for which [`activations`] says what it meets.
    pub w: &'a Matrix<'a>,
    pub rows: Range<usize>,
    /// `(n, cols)`
    pub x: &'a Inputs,
    /// `(n, w.rows())`, of which this task writes `rows`.
    pub out: *mut f32,
}

/// What activations are rounded to before they meet weights of a type here, if there is a kernel for it.
pub(crate) fn activations(dtype: DType) -> Option<Activations> {
    match dtype {
        DType::Q4_0 | DType::Q8_0 | DType::Q4_K | DType::Q6_K => Some(Activations::Int8),
        DType::BF16 => Some(Activations::F32),
        _ => None,
    }
}

/// A stored type, read in steps of whole blocks.
trait Stored {
    /// The running sums of a row and a token.
    type Sum: Sum;
    /// Stored bytes of a step.
    const BYTES: usize;

    /// `sums` and a step of weights at `w`, which meets the step `x` of `T` tokens.
    unsafe fn add<const T: usize>(sums: [Self::Sum; T], w: *const u8, x: inputs::Step) -> [Self::Sum; T];
}

/// Running sums of a row.
trait Sum: Copy {
    unsafe fn zero() -> Self;
    unsafe fn total(self) -> f32;
}

impl Sum for F32x16 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        Vector::zero()
    }

    #[inline(always)]
    unsafe fn total(self) -> f32 {
        self.sum()
    }
}

#[inline(always)]
pub(crate) unsafe fn multiply(task: &RowTask) {
    match task.w.dtype() {
        DType::Q4_0 => rows::<q4_0::Q4_0>(task),
        DType::Q8_0 => rows::<q8_0::Q8_0>(task),
        DType::Q4_K => rows::<q4_k::Q4K>(task),
        DType::Q6_K => rows::<q6_k::Q6K>(task),
        DType::BF16 => rows::<bf16::Bf16>(task),
        dtype => unreachable!("no kernel multiplies {dtype} row by row"),
    }
}

#[inline(always)]
unsafe fn rows<S: Stored>(task: &RowTask) {
    for row in task.rows.clone() {
        let mut first = 0;
        while first < task.x.n {
            match task.x.n - first {
                1 => one_row::<S, 1>(task, row, first),
                2 => one_row::<S, 2>(task, row, first),
                3 => one_row::<S, 3>(task, row, first),
                _ => one_row::<S, TOKENS>(task, row, first),
            }
            first += TOKENS;
        }
    }
}

/// A row by `T` tokens from `first` on.
#[inline(always)]
unsafe fn one_row<S: Stored, const T: usize>(task: &RowTask, row: usize, first: usize) {
    let weights = task.w.row(row);
    let mut sums = [S::Sum::zero(); T];
    let (steps, rest) = (weights.len() / S::BYTES, weights.len() % S::BYTES);
    let mut step = 0;
    while step < steps {
        let w = weights.as_ptr().add(step * S::BYTES);
        let mut line = 0;
        while line < S::BYTES {
            F32x16::prefetch(w.wrapping_add(AHEAD + line));
            line += CACHE_LINE;
        }
        sums = S::add(sums, w, task.x.step(first, step));
        step += 1;
    }
    if rest > 0 {
        // Blocks of zeros meet inputs of zeros.
        let mut stage = [0; STEP_BYTES];
        stage[..rest].copy_from_slice(&weights[steps * S::BYTES..]);
        sums = S::add(sums, stage.as_ptr(), task.x.step(first, step));
    }
    let mut t = 0;
    while t < T {
        task.out.add((first + t) * task.w.rows() + row).write(sums[t].total());
        t += 1;
    }
}
