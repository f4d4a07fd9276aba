//! Matrix products of stored weights and activations: GEMV for one token, GEMM for several.
//!
//! Every (output, token) pair is one running sum of registers, over the inputs in order, whatever the call's shape, but for
//! [`by_row`]:
//! * [`gemv`]: one token. Weights are unpacked in registers; several rows at once hide the latency of the sums.
//! * [`gemm`]: several tokens. Weights are packed (unpacked once, into a panel that stays in the second-level cache), then
//!   multiplied by a [`microkernel`] in tiles of rows by tokens.
//! * [`int8`]: the same two for activations rounded to 8 bits, on integer units.
//! * [`by_row`]: GEMV of generated tokens, where registers hold 16 floats: one row after another, in an order of sums of its
//!   own.
//! * [`bf16`]: several tokens on a matrix unit; [`amx`] has it.
//! * [`transposed`]: weights stored input by input, by the [`outer_product`] microkernel. Lanes are outputs there, so the
//!   sums are of scalars.
//!
//! # Safety
//! As in [`crate::vector`]; in addition the slices have the shapes that [`crate::Cpu`] has checked.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
pub(crate) mod bf16;
pub(crate) mod by_row;
pub(crate) mod gemm;
pub(crate) mod gemv;
pub(crate) mod int8;
pub(crate) mod microkernel;
pub(crate) mod operands;
pub(crate) mod outer_product;
pub(crate) mod transposed;
