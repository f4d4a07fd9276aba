//! GEMM: rows times several tokens, through a packed panel of unpacked weights.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::ops::Range;

use super::microkernel::tiled;
use super::operands::Tile;
use crate::simd_level::SimdLevel;
use crate::unpack::{F32, Store, Unpack, Visit};
use crate::vector::Vector;
use crate::{DType, Matrix};

/// Most rows of a panel.
pub(crate) const ROWS: usize = 64;
/// Most inputs of a panel: with the rows above, 256 KiB; the tokens of one tile beside it fit the first-level cache.
/// Every block length divides it.
const K: usize = 1024;
/// Floats between the rows of a panel, which would else fall into the same sets of the first-level cache.
const PADDING: usize = 16;
/// Most tokens whose sums wait in memory between two ranges of inputs.
const TOKENS: usize = 96;

/// `out[t, row] = w[row] · x[t]` for some rows and all tokens.
pub(crate) struct GemmTask<'a> {
    pub w: &'a Matrix<'a>,
    /// At most [`ROWS`].
    pub rows: Range<usize>,
    /// `(n, cols)`
    pub x: &'a [f32],
    pub n: usize,
    /// `(n, w.rows())`, of which this task writes `rows`.
    pub out: *mut f32,
}

/// Floats of working memory that [`multiply`] wants.
pub(crate) fn scratch_len(cols: usize, n: usize, lanes: usize) -> usize {
    let carry = if cols > K { ROWS * n.min(TOKENS) * lanes } else { 0 };
    ROWS * (K.min(cols.next_multiple_of(lanes)) + PADDING) + carry
}

#[inline(always)]
pub(crate) unsafe fn multiply<L: SimdLevel>(task: &GemmTask, scratch: &mut [f32]) {
    let cols = task.w.cols();
    let width = K.min(cols.next_multiple_of(L::LANES)) + PADDING;
    let (panel, carry) = scratch.split_at_mut(ROWS * width);
    let at_once = if cols > K { TOKENS } else { task.n }; // without carried sums one unpacking serves all tokens
    let mut token = 0;
    while token < task.n {
        let tokens = at_once.min(task.n - token);
        let mut k = 0;
        while k < cols {
            let inputs = k..(k + K).min(cols);
            L::with(task.w.dtype(), Pack { w: task.w, rows: task.rows.clone(), inputs: inputs.clone(), panel, width });
            let tile = Tile {
                w: panel.as_ptr().cast(),
                w_stride: width * 4,
                x: task.x.as_ptr().add(token * cols + k),
                x_stride: cols,
                k: inputs.len(),
                out: task.out.add(token * task.w.rows() + task.rows.start),
                out_stride: task.w.rows(),
                carry: carry.as_mut_ptr(),
                carry_stride: ROWS * L::LANES,
                first: k == 0,
                last: inputs.end == cols,
            };
            tiled::<L, F32>(&tile, task.rows.len(), tokens);
            k = inputs.end;
        }
        token += tokens;
    }
}

/// Packing: unpacks a range of inputs of some rows, each to the next `width` floats of `panel`.
struct Pack<'a> {
    w: &'a Matrix<'a>,
    rows: Range<usize>,
    inputs: Range<usize>,
    panel: &'a mut [f32],
    width: usize,
}

impl<V: Vector> Visit<V> for Pack<'_> {
    #[inline(always)]
    unsafe fn visit<U: Unpack<V>>(self, unpack: U) {
        let start = byte_offset(self.w.dtype(), self.inputs.start);
        let (steps, rest) = (self.inputs.len() / unpack.values(), self.inputs.len() % unpack.values());
        let mut row = 0;
        while row < self.rows.len() {
            let src = self.w.row(self.rows.start + row).as_ptr().add(start);
            let to = self.panel.as_mut_ptr().add(row * self.width);
            let mut step = 0;
            while step < steps {
                unpack.step(src.add(step * unpack.bytes()), &mut Store(to.add(step * unpack.values())));
                step += 1;
            }
            if rest > 0 {
                unpack.rest(src.add(steps * unpack.bytes()), rest).store(to.add(steps * unpack.values()));
            }
            row += 1;
        }
    }
}

fn byte_offset(dtype: DType, col: usize) -> usize {
    col / dtype.block_len() * dtype.block_bytes()
}
