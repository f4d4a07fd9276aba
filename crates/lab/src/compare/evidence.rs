//! What was seen of one model, before statistics.

use crate::bench::{Start, Timings};
use crate::predict::{MemoryPrediction, SpeedPrediction};
use crate::record::ModelFacts;
use crate::runner::Outcome;

/// Everything seen of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// What its files say.
    pub facts: ModelFacts,
    /// What was calculated before it ran.
    pub prediction: Prediction,
    /// Fresh processes that loaded it and answered once, in order.
    pub starts: Vec<Start>,
    /// Seconds to the first token of the same prompt with everything touched before.
    pub first_token_warm: Vec<f64>,
    /// Timed steps by depth.
    pub timings: Vec<Timings>,
    /// How questions reached it.
    pub prompting: String,
    /// Its answers.
    pub outcomes: Vec<Outcome>,
}

/// What was calculated of a model before it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// For a process that loads it and answers once.
    pub memory: MemoryPrediction,
    /// Speed, for the depths that are timed.
    pub speed: Vec<SpeedPrediction>,
}
