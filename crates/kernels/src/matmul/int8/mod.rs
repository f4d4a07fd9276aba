//! GEMV and GEMM on integer units: codes of weights times codes of activations.
//!
//! Activations are rounded to 8 bits per token and group of 32 ([`inputs`]); weights of every block type are integers
//! already, in groups of 16 or 32 with a scale `s` and, for some types, an offset `o` ([`crate::blocks`]). Of a group
//! whose activations have scale `dx`, codes `x` and the sum of codes `S`, the dot product `I` is an exact integer, and
//! each (row, token) is one chain over the groups in order of the inputs:
//!
//! ```text
//! sum = fma(I, s * dx, sum)
//! sum = fma(o, dx * S, sum)    for types with offsets
//! ```
//!
//! `Q4_K` and `Q6_K` go by blocks: [`integer_scales`]. So every kernel here gives the same bits, at every level, for any number of
//! tokens and threads ([`super::by_row`], which AVX-512 has for generated tokens, sums in another order):
//! * [`portable`]: any type by way of [`crate::blocks::decode`]; the reference.
//! * [`gemv`]: a few tokens times a [`row_strip::RowStrip`], lanes being rows. Codes are unpacked in registers.
//! * [`gemm`]: more tokens. Codes are packed into a panel in the first-level cache, then multiplied in tiles.
//!
//! Both take their codes from [`stored`], where each type is written once over the registers of [`bytes`].
//!
//! # Safety
//! As in [`crate::vector`]; in addition the slices have the shapes that [`crate::Cpu`] has checked.
#![allow(unsafe_op_in_unsafe_fn)] // here and below, under this contract

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bytes;
mod gemm;
mod gemv;
pub(crate) mod inputs;
mod integer_scales;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
mod portable;
mod row_strip;
#[cfg(target_arch = "x86_64")]
mod scale_in_pairs;
mod stored;

use std::ops::Range;

use crate::Matrix;
use crate::vector::{Portable, Vector};
use bytes::Bytes;
use gemv::Gemv;
use inputs::Inputs;

/// `out[t, row] = w[row] · x[t]` for some rows and all tokens.
pub(crate) struct Int8Task<'a> {
    /// Of a block type, stored by rows.
    pub w: &'a Matrix<'a>,
    pub rows: Range<usize>,
    /// `(n, cols)`
    pub x: &'a Inputs,
    /// `(n, w.rows())`, of which this task writes `rows`.
    pub out: *mut f32,
}

/// A level's way to do a task.
pub(crate) trait Int8: Vector {
    /// Floats of working memory that a task wants, beside as many as two registers hold for each token.
    const SCRATCH: usize;

    unsafe fn multiply(task: &Int8Task, scratch: &mut [f32]);
}

impl Int8 for Portable {
    const SCRATCH: usize = 0;

    #[inline(always)]
    unsafe fn multiply(task: &Int8Task, _: &mut [f32]) {
        portable::multiply(task);
    }
}

#[cfg(target_arch = "x86_64")]
impl Int8 for crate::vector::F32x8 {
    const SCRATCH: usize = scratch_len::<avx2::U8x32>();

    #[inline(always)]
    unsafe fn multiply(task: &Int8Task, scratch: &mut [f32]) {
        multiply::<avx2::U8x32>(task, scratch);
    }
}

#[cfg(target_arch = "x86_64")]
impl Int8 for crate::vector::F32x16 {
    const SCRATCH: usize = scratch_len::<avx512::U8x64>();

    #[inline(always)]
    unsafe fn multiply(task: &Int8Task, scratch: &mut [f32]) {
        multiply::<avx512::U8x64>(task, scratch);
    }
}

#[cfg(target_arch = "aarch64")]
impl Int8 for crate::vector::F32x4 {
    /// What all registers of [`neon`] take: they differ in their instructions only.
    const SCRATCH: usize = scratch_len::<neon::U8x16<neon::Widening>>();

    #[inline(always)]
    unsafe fn multiply(task: &Int8Task, scratch: &mut [f32]) {
        multiply::<neon::U8x16<neon::Widening>>(task, scratch);
    }
}

/// Working memory of a task: too much to be cleared for each. Any bytes are valid in it.
#[repr(C, align(64))]
struct Workspace<B: Bytes> {
    panels: [gemm::Panel<B>; gemm::STRIPS],
    stage: row_strip::Stage,
}

const fn scratch_len<B: Bytes>() -> usize {
    size_of::<Workspace<B>>() / size_of::<f32>()
}

/// A few tokens by [`gemv`], more by [`gemm`].
#[inline(always)]
pub(crate) unsafe fn multiply<B: Bytes>(task: &Int8Task, scratch: &mut [f32]) {
    let (work, carry) = scratch.split_at_mut(scratch_len::<B>());
    let (work, carry) = (&mut *work.as_mut_ptr().cast::<Workspace<B>>(), carry.as_mut_ptr());
    let dtype = task.w.dtype();
    match task.x.n {
        1 => stored::with(dtype, Gemv::<B, 1> { task, work }),
        2 => stored::with(dtype, Gemv::<B, 2> { task, work }),
        3 => stored::with(dtype, Gemv::<B, 3> { task, work }),
        4 => stored::with(dtype, Gemv::<B, 4> { task, work }),
        // From here on panels are as fast or faster, on Zen 3 with 2048 columns from memory.
        _ => stored::with(dtype, gemm::Gemm { task, work, carry }),
    }
}
