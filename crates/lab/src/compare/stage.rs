//! What a comparison is busy with, for those who wait.

use std::fmt;

use crate::record::Side;

/// What a comparison is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Loading in fresh processes.
    Starting,
    /// Timing prefill and decode in turn.
    Timing,
    /// Putting the questions to a model.
    Asking(Side),
    /// Putting some of them again.
    AskingAgain(Side),
    /// Passing the same tokens through both.
    Predicting,
    /// Hashing a model's weights, in megabytes.
    Hashing(Side),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Starting => f.write_str("starting afresh"),
            Stage::Timing => f.write_str("timing in turn"),
            Stage::Asking(side) => write!(f, "asking {}", side.letter()),
            Stage::AskingAgain(side) => write!(f, "asking {} again", side.letter()),
            Stage::Predicting => f.write_str("comparing predictions"),
            Stage::Hashing(side) => write!(f, "hashing {}, MB", side.letter()),
        }
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
}
