//! How precisely activations meet the weights, and who decides it.

use crate::DType;
use crate::kernels::Kernels;

/// What activations are rounded to before a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Activations {
    /// Nothing: f32 times widened weights, summed in f32. What descriptions are verified with.
    F32,
    /// 8 bits for each token and group of 32 values, under a scale in f32: exact products of integers, folded in order.
    /// For block types, at every level; in [`Phase::Prefill`] to the same bits.
    Int8,
    /// To bf16, as are the weights (both to nearest even); products of the two are exact and summed in f32. Numbers below
    /// the smallest normal one count as zero. For a level with a matrix unit.
    Bf16,
}

/// What a product is for. The phase, never the number of tokens that share a call, chooses among a level's kernels: so a
/// token's result does not depend on its company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Tokens whose text is known.
    Prefill,
    /// The next token of one or several sequences.
    Decode,
}

impl Activations {
    /// What a level's production kernels use for weights of a type.
    pub(crate) fn fastest(kernels: &Kernels, phase: Phase, dtype: DType) -> Activations {
        match (phase, dtype) {
            (_, DType::F32 | DType::F16) => Activations::F32, // more bits than bf16 keeps
            (Phase::Prefill, _) if kernels.matrix_unit.is_some() => Activations::Bf16,
            (_, DType::BF16) => Activations::F32,
            _ => Activations::Int8,
        }
    }
}
