//! Evidence, rubric, reviewers and pages. One program of all tests, for each would be linked by itself.

mod before;
#[path = "../bundle/mod.rs"]
mod bundle;
mod digest;
mod export;
mod faithful;
mod field;
#[path = "../fixture/mod.rs"]
mod fixture;
mod gate;
mod grid;
mod html;
mod judge;
mod poisoned;
mod report;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
mod store;
mod tampered;
mod write;
