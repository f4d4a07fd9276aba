//! What was seen of one model, before statistics.

use serde::{Deserialize, Serialize};

use crate::bench::Timings;
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

/// One fresh process that loaded a model and answered once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Seconds from opening the files to being ready.
    pub load: f64,
    /// Seconds from the prompt's text to its first token, right after loading.
    pub first_token: f64,
    /// Peak resident size of the whole process. [bytes]
    pub peak_bytes: u64,
}
