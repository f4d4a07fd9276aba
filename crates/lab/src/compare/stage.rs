//! What a comparison is busy with, for those who wait.

use std::fmt;

use super::schedule::Schedule;

/// What a comparison is busy with. Models are told by their place, from 0, in the order in which they were named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Hashing a model's weights, in megabytes.
    Hashing(usize),
    /// Loading in fresh processes.
    Starting,
    /// Timing prefill and decode in turn.
    Timing,
    /// Putting the questions to a model.
    Asking(usize),
    /// Putting some of them again.
    AskingAgain(usize),
    /// Passing the same tokens through both.
    Predicting,
}

/// `A` for the model that was named first.
pub(super) fn letter(model: usize) -> char {
    char::from(b'A' + model.min(25) as u8)
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stage::Hashing(model) => write!(f, "hash of the weights of {}", letter(*model)),
            Stage::Starting => f.write_str("1/4 start and memory"),
            Stage::Timing => f.write_str("2/4 speed, all in turn"),
            Stage::Asking(model) => write!(f, "3/4 questions to {}", letter(*model)),
            Stage::AskingAgain(model) => write!(f, "3/4 some questions to {} again", letter(*model)),
            Stage::Predicting => f.write_str("4/4 predictions of both beside each other"),
        }
    }
}

/// How far a stage is, and the whole with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The stage.
    pub stage: Stage,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub of: usize,
    /// What was expected of everything up to here, in s.
    pub spent: f64,
    /// What was expected of the whole before it began, in s.
    pub whole: f64,
}

impl Progress {
    /// `done` of `of` steps of `stage`, in a run that goes by `schedule`.
    pub(super) fn of(schedule: &Schedule, stage: Stage, done: usize, of: usize) -> Progress {
        let spent = schedule.before(stage) + schedule.of(stage) * done as f64 / of.max(1) as f64;
        Progress { stage, done, of, spent, whole: schedule.whole() }
    }

    /// The stage with how much there is of it, such as `1/4 start and memory (6 cold starts)`.
    pub fn title(&self) -> String {
        match self.stage {
            Stage::Starting => format!("{} ({} cold starts)", self.stage, self.of),
            Stage::Asking(_) | Stage::AskingAgain(_) => format!("{} ({})", self.stage, self.of),
            Stage::Hashing(_) if self.of == 0 => format!("{} (less than 1 MB)", self.stage),
            Stage::Hashing(_) => format!("{} ({} MB)", self.stage, self.of),
            stage => stage.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_done_when_the_last_stage_is() {
        let schedule =
            Schedule::of_stages(vec![(Stage::Starting, 10.0), (Stage::Asking(0), 30.0), (Stage::Asking(1), 60.0)]);
        let at = |stage, done, of| Progress::of(&schedule, stage, done, of);
        assert_eq!(at(Stage::Starting, 0, 10).spent, 0.0);
        assert_eq!(at(Stage::Asking(0), 250, 500).spent, 25.0);
        let last = at(Stage::Asking(1), 5, 5);
        assert_eq!((last.spent, last.whole), (100.0, 100.0));
    }

    #[test]
    fn a_stage_says_how_much_there_is_of_it() {
        let found = Progress::of(&Schedule::of_stages(Vec::new()), Stage::Starting, 1, 6);
        assert_eq!(found.title(), "1/4 start and memory (6 cold starts)");
        let hashing = Progress::of(&Schedule::of_stages(Vec::new()), Stage::Hashing(0), 0, 135);
        assert_eq!(hashing.title(), "hash of the weights of A (135 MB)");
        assert_eq!(Stage::Asking(2).to_string(), "3/4 questions to C");
    }
}
