//! How faithful one model of a comparison is to the other, if the other is its base.

use serde::{Deserialize, Serialize};

use super::{Measurement, Side};

/// The other model against [`Fidelity::base`]: an alarm where a quantisation broke something, and no measure of which of
/// two near-lossless ones is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fidelity {
    /// The model measured from: the one whose weights take more bytes, A of two alike. Whether the other was really made
    /// from it the files do not say; architecture, shape and vocabulary are the same.
    pub base: Side,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// Mean Kullback-Leibler divergence from the base's distribution; the samples are the positions. [nats]
    pub kl_mean: Measurement,
    /// The divergence that 99.9 % of the positions do not exceed; of fewer than a thousand, the largest. [nats]
    pub kl_high: Measurement,
    /// Share of positions at which the likeliest token is the same.
    pub same_top: Measurement,
}

impl Fidelity {
    /// The model that is measured.
    pub fn other(&self) -> Side {
        match self.base {
            Side::A => Side::B,
            Side::B => Side::A,
        }
    }

    /// Every measurement in it.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let distances = [&self.text].into_iter().chain(&self.answers).chain(&self.pictures);
        let mut all: Vec<_> = distances.flat_map(|found| [&found.kl_mean, &found.kl_high, &found.same_top]).collect();
        all.extend([&self.flips, &self.changed]);
        all
    }
}
