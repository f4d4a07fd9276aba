//! What folds a whole past into a state of fixed size: causal convolutions, and linear attention with a decay, which gated
//! delta nets and Mamba-2 are.
//!
//! Tokens pass one after the other, each with the same operations, so that a state and a result have the same bits however
//! a sequence is cut into steps. The work is spread over channels, of which none depends on another: while a block of
//! channels takes all tokens of a step, its part of the state stays in the nearest cache.

pub(crate) mod convolution;
mod cpu;
pub(crate) mod linear_attention;

pub use convolution::Convolution;
pub use linear_attention::{LinearAttention, LinearAttentionInputs, Write};
