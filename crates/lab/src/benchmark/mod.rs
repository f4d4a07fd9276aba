//! Published benchmarks, read from the user's files in their published layouts.

mod marking;
mod program;

pub use marking::{Marking, Reading};
pub use program::ProgramTask;
