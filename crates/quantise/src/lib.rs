//! Weights written as ggml's block types, or as MLX's groups.
//!
//! A type says what a block can hold; which of it stands for given values best is searched here, under a weight for each
//! value or under none. What is minimised is the squared error of what a reader gets back: codes are always taken at the
//! scales that are stored. A block depends on its own values and weights alone, and every sum has a fixed order, so that
//! bytes are the same at any number of threads and on any processor.
//!
//! Nothing here knows a model; `plimsoll_kernels` reads what is written here.
#![forbid(unsafe_code)]

mod affine;
mod allocate;
mod blocks;
mod changes;
mod choice;
mod codebook;
mod columns;
mod curve;
mod encode;
mod encoding;
mod grid;
mod groups;
mod iq;
mod iq1;
mod k_affine;
mod k_affine_fit;
mod k_scaled;
mod lanes;
mod mix;
mod mxfp4;
mod role;
mod rows;
mod scale;
mod simple;
mod sums;
mod ternary;

pub use allocate::{Cost, allocate};
pub use choice::fitting;
pub use columns::Columns;
pub use encode::{EncodeError, TYPES, encode, encode_at};
pub use encoding::Encoding;
pub use groups::AffineGroups;
pub use mix::{Mix, Model, Place};
pub use role::{Role, layer_of};
pub use rows::{MatrixRows, RowError, encode_rows};
