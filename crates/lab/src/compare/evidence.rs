//! What was seen of one model, before statistics.

use crate::bench::{Start, Timings};
use crate::canary::Canaries;
use crate::predict::{MemoryPrediction, SpeedPrediction};
use crate::record::ModelFacts;
use crate::runner::ItemOutcome;

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
    pub outcomes: Vec<ItemOutcome>,
    /// Its answers to some of the same questions, asked again after all others.
    pub again: Vec<ItemOutcome>,
    /// Its numbers beside the reference implementation's, where golden outputs are at hand.
    pub verified: Option<Verified>,
    /// What came of the canaries, if they were put.
    pub canaries: Option<Canaries>,
}

/// What came of verifying a model before it was compared.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// Whether everything agreed.
    pub passed: bool,
    /// Which implementation wrote the golden outputs.
    pub reference: String,
    /// Largest difference of a logit that still agrees.
    pub tolerance: f32,
    /// Largest difference of a logit in each case.
    pub max_deltas: Vec<f32>,
}

/// What was calculated of a model before it ran.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// For a process that loads it and answers once.
    pub memory: MemoryPrediction,
    /// Speed, for the depths that are timed.
    pub speed: Vec<SpeedPrediction>,
}
