//! Weights written as block types. One program of all tests, for each would be linked by itself.

mod blocks;
mod common;
mod groups;
mod levels;
mod mixes;
mod reference;
