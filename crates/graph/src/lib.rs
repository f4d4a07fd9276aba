//! An architecture is written once, as a [`Network`]: nodes over named weights, each with its
//! shape rule. Whatever is to be known or done with it (executing it, predicting its cost,
//! exporting it) is a walk over that description, and nothing here knows how a node is computed.
//!
//! ```
//! use plimsoll_graph::Builder;
//!
//! let mut net = Builder::new(16); // vocabulary of 16
//! let x = net.embed("model.embed_tokens.weight", 8); // (n_tokens, 8)
//! let h = net.rms_norm(x, "model.norm.weight", 1e-5);
//! let last = net.select_rows(h);
//! let logits = net.linear(last, "lm_head", 16);
//! let network = net.finish(logits).unwrap();
//! assert_eq!(network.weights.len(), 3);
//! ```
#![forbid(unsafe_code)]

mod builder;
mod columns;
pub mod cost;
mod id;
mod mask;
mod moe;
mod network;
mod op;
mod order;
mod plan;
mod recurrent;
mod tile;

pub use builder::{Builder, Scope};
pub use id::{CacheId, RopeId, StateId, ValueId, WeightId};
pub use mask::{Ahead, Mask};
pub use moe::{Experts, Gating, Moe, MoeOp, Routing, Score, Weighed};
pub use network::{CacheDecl, Network, Node, ShapeError, StateDecl, WeightDecl, WeightKind};
pub use op::{
    Activation, AttentionOp, Coordinate, ExtendedRope, Op, RopeLayout, RopeSpec, Rows, StepSize, Temperature,
};
pub use plan::{BufferPlan, SlotId};
pub use recurrent::{ConvolutionOp, LinearAttention, LinearAttentionOp, Write};
pub use tile::{
    Coordinates, MergeOrder, PixelOrder, Resampling, Share, TileAttention, TileAxis, TileOp, TilePosition, TileRope,
    bucket_bounds, fractional_positions, resampled,
};
