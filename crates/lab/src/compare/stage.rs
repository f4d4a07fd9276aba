//! What a comparison is busy with, for those who wait.

use std::fmt;

use crate::record::Side;

/// What a comparison is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Hashing a model's weights, in megabytes.
    Hashing(Side),
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
}

impl Stage {
    /// Every stage in its order, with its part of the time that a comparison of two models of a few billion parameters
    /// takes: the questions are most of it.
    const ALL: [(Stage, f64); 9] = [
        (Stage::Hashing(Side::A), 0.01),
        (Stage::Hashing(Side::B), 0.01),
        (Stage::Starting, 0.05),
        (Stage::Timing, 0.13),
        (Stage::Asking(Side::A), 0.36),
        (Stage::Asking(Side::B), 0.36),
        (Stage::AskingAgain(Side::A), 0.035),
        (Stage::AskingAgain(Side::B), 0.035),
        (Stage::Predicting, 0.01),
    ];
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Hashing(side) => write!(f, "hash of the weights of {}, MB", side.letter()),
            Stage::Starting => f.write_str("1/4 start and memory"),
            Stage::Timing => f.write_str("2/4 speed, both in turn"),
            Stage::Asking(side) => write!(f, "3/4 questions to {}", side.letter()),
            Stage::AskingAgain(side) => write!(f, "3/4 some questions to {} again", side.letter()),
            Stage::Predicting => f.write_str("4/4 predictions of both beside each other"),
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

impl Progress {
    /// The stage with how much there is of it, such as `1/4 start and memory (6 cold starts)`.
    pub fn title(&self) -> String {
        match self.stage {
            Stage::Starting => format!("{} ({} cold starts)", self.stage, self.of),
            Stage::Asking(_) | Stage::AskingAgain(_) => format!("{} ({})", self.stage, self.of),
            stage => stage.to_string(),
        }
    }

    /// About which share of the whole comparison is done, 0 to 1.
    pub fn whole(&self) -> f64 {
        let before: f64 = Stage::ALL.iter().take_while(|(stage, _)| *stage != self.stage).map(|(_, part)| part).sum();
        let part = Stage::ALL.iter().find(|(stage, _)| *stage == self.stage).map_or(0.0, |(_, part)| *part);
        before + part * self.done as f64 / self.of.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_done_when_the_last_stage_is() {
        let at = |stage, done, of| Progress { stage, done, of }.whole();
        assert_eq!(at(Stage::Hashing(Side::A), 0, 10), 0.0);
        assert!((at(Stage::Predicting, 5, 5) - 1.0).abs() < 1e-9);
        assert!((at(Stage::Asking(Side::A), 250, 500) - 0.38).abs() < 1e-9);
        let parts: Vec<f64> = Stage::ALL.iter().map(|(stage, _)| at(*stage, 0, 1)).collect();
        assert!(parts.is_sorted(), "{parts:?}");
    }

    #[test]
    fn a_stage_says_how_much_there_is_of_it() {
        assert_eq!(Progress { stage: Stage::Starting, done: 1, of: 6 }.title(), "1/4 start and memory (6 cold starts)");
    }
}
