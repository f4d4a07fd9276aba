//! What is measured, and what is made of it. One program of all tests, for each would be linked by itself.

mod canary;
mod chance;
mod compare;
mod conclude;
mod fast;
mod fidelity;
mod published;
mod runner;
#[path = "../../../../tests/skipped.rs"]
mod skipped;
