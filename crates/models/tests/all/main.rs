//! Checkpoints opened, refused and spelled. One program of all tests, for each would be linked by itself.

mod arbitrary_bytes;
mod bad_input;
mod common;
mod config;
mod export;
mod fixtures;
mod layers;
mod mlx;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
mod sources;
mod spelling;
mod vision;
