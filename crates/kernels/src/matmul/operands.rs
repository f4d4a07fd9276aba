//! Operands of the microkernels: pointers and strides.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use crate::unpack::Element;
use crate::vector::Vector;

/// Row operand, token operand and place of the results.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Row 0, and bytes from one row to the next.
    pub w: *const u8,
    pub w_stride: usize,
    /// Token 0, and floats from one token to the next.
    pub x: *const f32,
    pub x_stride: usize,
    /// Inputs to sum over.
    pub k: usize,
    /// Result of row 0, token 0; rows lie side by side, tokens `out_stride` floats apart.
    pub out: *mut f32,
    pub out_stride: usize,
    /// Where the sums of registers wait between two ranges of inputs, `(token, row, lane)`; `carry_stride` floats
    /// from one token to the next.
    pub carry: *mut f32,
    pub carry_stride: usize,
    /// Whether the sums start at zero, else in `carry`.
    pub first: bool,
    /// Whether the sums are complete: then they go to `out`, else to `carry`.
    pub last: bool,
}

impl Tile {
    /// The same tile from row `row`, token `token` on.
    #[inline(always)]
    pub unsafe fn at<V: Vector>(self, row: usize, token: usize) -> Tile {
        Tile {
            w: self.w.add(row * self.w_stride),
            x: self.x.add(token * self.x_stride),
            out: self.out.add(token * self.out_stride + row),
            carry: self.carry.wrapping_add(token * self.carry_stride + row * V::LANES),
            ..self
        }
    }
}

/// Weights, tokens and sums of one strip of outputs.
#[derive(Clone, Copy)]
pub(crate) struct OuterProduct {
    /// Output 0 of input 0, and bytes from one input to the next.
    pub w: *const u8,
    pub w_stride: usize,
    /// Token 0, and floats from one token to the next.
    pub x: *const f32,
    pub x_stride: usize,
    /// Inputs to sum over.
    pub k: usize,
    /// Output 0 of token 0, and floats from one token to the next.
    pub out: *mut f32,
    pub out_stride: usize,
    /// Whether the sums start at zero, else at what `out` holds.
    pub first: bool,
}

impl OuterProduct {
    /// The same from output `output`, token `token` on.
    #[inline(always)]
    pub unsafe fn at<V: Vector, E: Element<V>>(self, output: usize, token: usize) -> OuterProduct {
        OuterProduct {
            w: self.w.add(output * E::BYTES),
            x: self.x.add(token * self.x_stride),
            out: self.out.add(token * self.out_stride + output),
            ..self
        }
    }
}
