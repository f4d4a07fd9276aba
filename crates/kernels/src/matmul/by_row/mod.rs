//! GEMV of generated tokens: rows one after another, in the order in which they lie in memory, so that the hardware's prefetchers
//! run ahead of one long stream. Lanes are groups of a row's values; a row's lanes are summed once, at its end.
//!
//! A prompt's kernels ([`super::int8`], [`super::gemm`]) have rows in their lanes, which suits many tokens and reads
//! sixteen short streams at once: half to four fifths of what memory gives. Their sums are in another order, so which of
//! the two multiplies follows from the phase.
//!
//! Of a row, lane `l` of the sum has every sixteenth group of 32 values from the `l`th on, in order (of BF16: see
//! `avx512/bf16.rs`), then the lanes are added by [`Vector::sum`](crate::vector::Vector::sum). With `I` the dot product of
//! codes, `dx` and `S` scale and sum of the activations' codes, `k` and `m` the integers of a group under the scales of its
//! block:
//!
//! ```text
//! sum = fma(I, s * dx, sum)                       Q4_0, Q8_0
//! sum = fma(k I, d * dx, sum)                     Q6_K: the sum over both of its groups of 16
//! sum = fma(-m, dmin * (dx * S), fma(k I, d * dx, sum))    Q4_K
//! ```
//!
//! Only AVX-512 with VNNI and VBMI has it ([`avx512`]): narrower registers hold half a load, and the levels that have them
//! read at the speed of memory with rows in lanes.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the only level so far is AVX-512

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;

use std::ops::Range;

use crate::Matrix;

/// `out[t, row] = w[row] · x[t]` for some rows and all tokens.
pub(crate) struct RowTask<'a> {
    /// Stored by rows, of a type for which the level has a kernel.
    pub w: &'a Matrix<'a>,
    pub rows: Range<usize>,
    /// `(n, cols)`
    pub x: &'a Inputs,
    /// `(n, w.rows())`, of which this task writes `rows`.
    pub out: *mut f32,
    pub fetch: Fetch,
}

/// How rows that are taken whole are asked for before they are multiplied.
#[derive(Clone, Copy)]
pub(crate) enum Fetch {
    /// Far ahead into the first-level cache.
    Once,
    /// Far ahead into the second-level cache, and from there into the first. Into the first alone, a Xeon with a matrix unit
    /// (see bench/README.md) gets two thirds of what memory gives: too few lines can be on their way there.
    ByLevel,
}

/// `(n, cols)` activations as a level's kernels want them, a record for each token, in steps.
pub(crate) struct Inputs {
    base: *const u8,
    pub n: usize,
    lens: Lens,
}

/// Bytes of what a token brings.
#[derive(Clone, Copy)]
pub(crate) struct Lens {
    /// To all inputs.
    pub record: usize,
    /// To a step of them.
    pub step: usize,
}

// SAFETY: a shared view; whoever fills the records has finished when it is made.
unsafe impl Sync for Inputs {}

impl Inputs {
    /// A view of the records of `n` tokens at `base`, which the level has written.
    pub unsafe fn new(base: *const u8, n: usize, lens: Lens) -> Inputs {
        Inputs { base, n, lens }
    }

    /// The `step`th step of token `first`, and the bytes from there to the next token's.
    #[inline(always)]
    fn step(&self, first: usize, step: usize) -> (*const u8, usize) {
        (self.base.wrapping_add(first * self.lens.record + step * self.lens.step), self.lens.record)
    }
}
