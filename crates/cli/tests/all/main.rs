//! The program, as whoever calls it sees it. One program of all tests, for each would be linked by itself.

mod catalogue;
mod chat;
mod cli;
#[path = "../../../server/tests/client/mod.rs"]
mod client;
mod eval;
mod examples;
mod export_fit;
mod export_mlx;
mod export_onnx;
mod fit;
mod interrupt;
mod judged;
mod kill;
mod licences;
mod manners;
#[allow(dead_code, reason = "the tests of `fetch` use more of it")]
#[path = "../../../fetch/tests/hub/mock.rs"]
mod mock;
mod pictures;
mod pull;
mod quantize;
mod questions;
mod serving;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
mod snapshots;
