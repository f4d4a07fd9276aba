//! The arithmetic of Plimsoll: weights of every stored type times float activations, attention, norms and rotary
//! embedding, on every instruction-set level, over one thread pool.
//!
//! A [`Cpu`] is an executor's device: the dispatch table of one [`Isa`] level and one [`Pool`]. A [`Matrix`] is a
//! borrowed view of weights as the file stores them.
//!
//! Invariants, each held by a test:
//! - Every level unpacks a weight to the bits that [`dequantise`] gives.
//! - A result does not depend on the number of threads, nor on the other tokens of the call.

mod activations;
mod attention;
mod blocks;
mod cpu;
mod dtype;
mod elementwise;
mod fused;
mod isa;
mod kernels;
mod levels;
mod matmul;
mod matrix;
mod pool;
pub mod probe;
mod recurrent;
mod scratch;
mod simd_level;
#[cfg(all(test, target_arch = "x86_64"))]
#[path = "../../../tests/skipped.rs"]
mod skipped;
mod unpack;
mod vector;
mod vectorised;

pub use activations::{Activations, Phase};
pub use attention::{AttentionShape, KvRows, KvSequence, kv_groups, quantise_kv};
pub use blocks::{block_groups, dequantise, put_affine8};
pub use cpu::{Cpu, CpuError, MAX_THREADS, Product};
pub use dtype::DType;
pub use elementwise::{Activation, RopeLayout, RopeShape};
pub use fused::fused;
pub use isa::{Isa, UnknownIsa};
pub use matrix::{Matrix, MatrixError};
pub use pool::Pool;
pub use recurrent::{Convolution, LinearAttention, LinearAttentionInputs, Write};
pub use vectorised::Vectorised;
