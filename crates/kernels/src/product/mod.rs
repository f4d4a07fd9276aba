//! Products of stored weights and activations.
//!
//! Every (output, token) pair is one running sum of registers, over the inputs in order, whatever the call's shape, but for
//! [`by_row`]:
//! * [`dots`]: one token. Weights are unpacked in registers; several rows at once hide the latency of the sums.
//! * [`panel`]: several tokens. Weights are unpacked once into a panel that stays in the second-level cache, then
//!   multiplied in [`tile`]s of rows by tokens.
//! * [`int8`]: the same two for activations rounded to 8 bits, on integer units.
//! * [`by_row`]: generated tokens, where registers hold 16 floats: one row after another, in an order of sums of its own.
//! * [`bf16`]: several tokens on a matrix unit; [`amx`] has it.
//! * [`columns`]: weights stored input by input. Lanes are outputs there, so the sums are of scalars.
//!
//! # Safety
//! As in [`crate::vector`]; in addition the slices have the shapes that [`crate::Cpu`] has checked.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
pub(crate) mod bf16;
pub(crate) mod by_row;
pub(crate) mod columns;
pub(crate) mod dots;
pub(crate) mod int8;
pub(crate) mod outer;
pub(crate) mod panel;
pub(crate) mod tile;
