//! [`super`] at AVX-512.
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

use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
use std::ops::Range;

use super::{Fetch, RowTask};
use crate::vector::{F32x16, Vector};
use crate::{Activations, DType};
pub(crate) use inputs::{lens, prepare};

/// Tokens that share the unpacking of a step: their sums and dot products stay in registers.
const TOKENS: usize = 4;
/// Rows that several tokens meet side by side.
const ROWS: usize = 8;
const CACHE_LINE: usize = 64;
/// Bytes that are asked for before they are multiplied: of 1, 2, 4 and 8 KiB the best on Zen 5.
const AHEAD: usize = 4096;
/// Bytes that are asked for into the first-level cache where [`AHEAD`] is asked for into the second: a step of every type
/// or more.
const NEAR: usize = 1152;
/// Most bytes of a step: 512 values of `Q8_0`.
const STEP_BYTES: usize = 544;

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
    /// Most steps of a row that one token takes whole: what it brings to them stays in the first-level cache.
    const WHOLE: usize = 48;
    /// Steps of a row that are multiplied before the next row's, of longer rows and with several tokens.
    const PART: usize = 4;

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

/// One token takes rows whole, unless it brings so much to them that it would not stay in the first-level cache, as several
/// tokens do: they take some rows in parts.
#[inline(always)]
unsafe fn rows<S: Stored>(task: &RowTask) {
    let (n, end) = (task.x.n, task.rows.end);
    let mut row = task.rows.start;
    while row < end {
        let whole = n == 1 && task.w.row_bytes() <= S::WHOLE * S::BYTES;
        let rows = if whole { row..row + 1 } else { row..end.min(row + ROWS) };
        let mut first = 0;
        while first < n {
            match n - first {
                1 if whole => few_tokens::<S, 1, 1>(task, rows.clone(), first),
                1 => few_tokens::<S, 1, ROWS>(task, rows.clone(), first),
                2 => few_tokens::<S, 2, ROWS>(task, rows.clone(), first),
                3 => few_tokens::<S, 3, ROWS>(task, rows.clone(), first),
                _ => few_tokens::<S, TOKENS, ROWS>(task, rows.clone(), first),
            }
            first += TOKENS;
        }
        row = rows.end;
    }
}

/// Asks for the `S::BYTES` bytes that lie `ahead` of `w`.
#[inline(always)]
unsafe fn fetch<S: Stored>(fetch: Fetch, w: *const u8, ahead: usize) {
    let mut line = 0;
    while line < S::BYTES {
        match fetch {
            Fetch::Once => F32x16::prefetch(w.wrapping_add(ahead + line)),
            Fetch::ByLevel => {
                _mm_prefetch::<_MM_HINT_T1>(w.wrapping_add(ahead + line).cast());
                F32x16::prefetch(w.wrapping_add(NEAR + line));
            }
        }
        line += CACHE_LINE;
    }
}

/// Some rows, at most `R`, by `T` tokens from `first` on.
#[inline(always)]
unsafe fn few_tokens<S: Stored, const T: usize, const R: usize>(task: &RowTask, rows: Range<usize>, first: usize) {
    let (row_bytes, n_rows) = (task.w.row_bytes(), rows.len());
    let (steps, rest) = (row_bytes / S::BYTES, row_bytes % S::BYTES);
    let part = if R == 1 { steps } else { S::PART };
    let mut sums = [[S::Sum::zero(); T]; R];
    let mut begin = 0;
    while begin < steps {
        let end = steps.min(begin + part);
        let mut i = 0;
        while i < n_rows {
            let row = task.w.row(rows.start + i).as_ptr();
            // Rows whole: what comes next in memory. In parts: the next part of the row, or the first of one that is
            // as far on as rows go together.
            let ahead = match R {
                1 => AHEAD,
                _ if end < steps => part * S::BYTES,
                _ => R * row_bytes - begin * S::BYTES,
            };
            let mut step = begin;
            let mut of_row = sums[i];
            while step < end {
                let w = row.add(step * S::BYTES);
                if first == 0 {
                    fetch::<S>(if R == 1 { task.fetch } else { Fetch::Once }, w, ahead);
                }
                of_row = S::add(of_row, w, inputs::Step::of(task.x, first, step));
                step += 1;
            }
            sums[i] = of_row;
            i += 1;
        }
        begin = end;
    }
    let mut i = 0;
    while i < n_rows {
        let row = rows.start + i;
        if rest > 0 {
            // Blocks of zeros meet inputs of zeros.
            let mut stage = [0; STEP_BYTES];
            stage[..rest].copy_from_slice(&task.w.row(row)[steps * S::BYTES..]);
            sums[i] = S::add(sums[i], stage.as_ptr(), inputs::Step::of(task.x, first, steps));
        }
        let mut t = 0;
        while t < T {
            task.out.add((first + t) * task.w.rows() + row).write(sums[i][t].total());
            t += 1;
        }
        i += 1;
    }
}
