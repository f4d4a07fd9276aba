//! GEMM with weights stored input by input, times any number of tokens.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::ops::Range;

use super::operands::OuterProduct;
use super::outer_product::outer_product;
use crate::simd_level::SimdLevel;
use crate::unpack::{Bf16, Element, F16, F32};
use crate::{DType, Matrix};

/// Inputs that one pass covers: the strip of weights it reads stays in the second-level cache for all tokens.
const K: usize = 512;

/// `out[t, i] = sum over k of w[k, i] * x[t, k]` for some outputs and all tokens.
pub(crate) struct TransposedTask<'a> {
    /// Transposed, of a float type.
    pub w: &'a Matrix<'a>,
    pub outputs: Range<usize>,
    /// `(n, cols)`
    pub x: &'a [f32],
    pub n: usize,
    /// `(n, w.rows())`, of which this task writes `outputs`.
    pub out: *mut f32,
}

#[inline(always)]
pub(crate) unsafe fn multiply<L: SimdLevel>(task: &TransposedTask) {
    match task.w.dtype() {
        DType::F32 => multiply_as::<L, F32>(task),
        DType::F16 => multiply_as::<L, F16>(task),
        DType::BF16 => multiply_as::<L, Bf16>(task),
        blocks => unreachable!("{blocks} is never stored transposed"),
    }
}

#[inline(always)]
unsafe fn multiply_as<L: SimdLevel, E: Element<L>>(task: &TransposedTask) {
    let (rows, cols) = (task.w.rows(), task.w.cols());
    let mut k = 0;
    while k < cols {
        let strip = OuterProduct {
            w: task.w.column_tail(k).as_ptr().add(task.outputs.start * E::BYTES),
            w_stride: task.w.stride() * E::BYTES,
            x: task.x.as_ptr().add(k),
            x_stride: cols,
            k: K.min(cols - k),
            out: task.out.add(task.outputs.start),
            out_stride: rows,
            first: k == 0,
        };
        outer_product::<L, E>(&strip, task.outputs.len(), task.n);
        k += strip.k;
    }
}
