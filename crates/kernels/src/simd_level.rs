//! What an instruction-set level adds to its registers, so that the kernels can be written once.

use crate::DType;
use crate::matmul::operands::{OuterProduct, Tile};
use crate::unpack::{Element, Visit};
use crate::vector::Vector;

/// A SIMD instruction-set level: a register type with its unpackers, and the microkernels that its register file allows.
pub(crate) trait SimdLevel: Vector {
    /// Rows of a full tile.
    const TILE_ROWS: usize;
    /// Tokens of a full tile.
    const TILE_TOKENS: usize;
    /// Registers of outputs in a full tile of weights stored by inputs.
    const OUTER_VECTORS: usize;
    /// Tokens of it.
    const OUTER_TOKENS: usize;

    /// Calls `visit` with this level's unpacker of `dtype`.
    unsafe fn with(dtype: DType, visit: impl Visit<Self>);
    /// A tile of `TILE_ROWS` or 1 rows by up to `TILE_TOKENS` tokens.
    unsafe fn microkernel<E: Element<Self>>(tile: &Tile, rows: usize, tokens: usize);
    /// A tile of `OUTER_VECTORS` or 1 registers of outputs by up to `OUTER_TOKENS` tokens.
    unsafe fn outer_microkernel<E: Element<Self>>(operands: &OuterProduct, vectors: usize, tokens: usize);
}
