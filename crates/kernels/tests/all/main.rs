//! Kernels of every level beside the scalar one. One program of all tests, for each would be linked by itself.

mod attention;
mod bf16;
mod blocks;
mod by_row;
mod common;
mod elementwise;
mod int8;
mod levels;
mod prompt_attention;
mod recurrent;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
