//! Models written for other engines.
//!
//! Each target is a walker of [`plimsoll_graph::Network`]: what an operation becomes there is a rule, and an operation
//! without one is refused by its name. Nothing here names an architecture.
#![forbid(unsafe_code)]

mod card;
pub mod mlx;
pub mod onnx;

pub use card::Card;
