//! Pixels and prompts. One program of all tests, for each would be linked by itself.

#[path = "../common/mod.rs"]
mod common;
mod decode;
mod families;
mod golden;
mod processor;
mod prompt;
mod resize;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
