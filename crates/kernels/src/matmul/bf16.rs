//! Products in bf16 on a level's matrix unit, as [`crate::Cpu`] and the unit see them.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code))] // the only matrix unit so far is AMX

use std::ops::Range;

use crate::Matrix;
use crate::pool::Shareable;

/// Tokens that are packed side by side.
pub(crate) const BLOCK_TOKENS: usize = 16;
/// Inputs that are packed together.
pub(crate) const BLOCK_INPUTS: usize = 32;

/// Activations rounded to bf16, in the order in which the matrix unit wants them: `(blocks of 16 tokens, blocks of 32
/// inputs, 16 pairs of inputs, 16 tokens, 2)`, with zeros for the tokens and inputs that are not there.
#[derive(Clone, Copy)]
pub(crate) struct Packed {
    /// Good for [`Packed::floats`] times two values.
    pub at: Shareable<u16>,
    pub n: usize,
    pub cols: usize,
}

impl Packed {
    /// Floats of memory that `n` tokens of `cols` inputs take.
    pub fn floats(n: usize, cols: usize) -> usize {
        n.next_multiple_of(BLOCK_TOKENS) * cols.next_multiple_of(BLOCK_INPUTS) / 2
    }

    /// Blocks of inputs of a token.
    pub fn steps(&self) -> usize {
        self.cols.div_ceil(BLOCK_INPUTS)
    }

    /// Blocks of tokens.
    pub fn blocks(&self) -> usize {
        self.n.div_ceil(BLOCK_TOKENS)
    }
}

/// Packs one block of tokens.
pub(crate) struct PackTask<'a> {
    /// `(n, cols)`
    pub x: &'a [f32],
    pub to: Packed,
    pub block: usize,
}

/// `out[t, row] = w[row] · x[t]` for some rows and all tokens.
pub(crate) struct Bf16Task<'a> {
    pub w: &'a Matrix<'a>,
    pub rows: Range<usize>,
    pub x: Packed,
    /// `(n, w.rows())`, of which this task writes `rows`.
    pub out: *mut f32,
}
