//! How far the predictions of one model lie from the other's: how faithful it is to its base, if the other was declared so.

use serde::{Deserialize, Serialize};

use super::{Measurement, Side};

/// The other model against [`Fidelity::base`]: an alarm where a quantisation broke something, and no measure of which of
/// two near-lossless ones is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fidelity {
    /// The model measured from: the declared base, else A. Architecture, shape and vocabulary are the same.
    pub base: Side,
    /// Whether somebody declared that the other was made from it, which the files do not say. Without that it is a
    /// divergence of two models, and nothing is to be scored by it. Absent from records of earlier versions, which guessed
    /// by file size.
    #[serde(default)]
    pub declared: bool,
    /// Predictions of plain text: the built-in one and the words of the questions.
    pub text: Distance,
    /// Predictions of right answers behind the questions of text as they are asked, if the suite has such.
    pub answers: Option<Distance>,
    /// The same behind questions about pictures, which are shown.
    pub pictures: Option<Distance>,
    /// Share of items that one of the two got right and the other wrong.
    pub flips: Measurement,
    /// Share of items whose answer is another, right or wrong.
    pub changed: Measurement,
    /// Items that the base alone got right.
    pub right_to_wrong: usize,
    /// Items that the other alone got right.
    pub wrong_to_right: usize,
}

/// How far the predictions of two models lie apart over the same tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Distance {
    /// Mean Kullback-Leibler divergence from the base's distribution; the samples are the positions, in nats.
    pub kl_mean: Measurement,
    /// The divergence that 99.9 % of the positions do not exceed; of fewer than a thousand, the largest, in nats.
    pub kl_high: Measurement,
    /// Share of positions at which the likeliest token is the same.
    pub same_top: Measurement,
}

impl Fidelity {
    /// The model that is measured.
    pub fn other(&self) -> Side {
        self.base.other()
    }

    /// The same, if it says how faithful the model on `side` is to a base that was declared.
    pub fn of_derived(&self, side: Side) -> Option<&Fidelity> {
        (self.declared && self.other() == side).then_some(self)
    }

    /// Every measurement in it.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let distances = [&self.text].into_iter().chain(&self.answers).chain(&self.pictures);
        let mut all: Vec<_> = distances.flat_map(|found| [&found.kl_mean, &found.kl_high, &found.same_top]).collect();
        all.extend([&self.flips, &self.changed]);
        all
    }
}
