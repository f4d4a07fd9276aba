//! What sets two models apart, and what may be said of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Measurement, Side, Unit};
use crate::stats::Interval;

/// Which direction of a metric is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better: accuracy, tokens per second.
    Higher,
    /// Less is better: bytes, seconds.
    Lower,
}

/// What may be said of a difference. There are no words for "equal", which no sample can show; for "no loss" there are
/// where a margin of equivalence was fixed before the run, and only for right answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Words {
    /// The sample does not tell the models apart.
    #[serde(rename = "no difference seen")]
    NoDifferenceSeen,
    /// The first model has the better value.
    #[serde(rename = "A is better")]
    ABetter,
    /// The second model has the better value.
    #[serde(rename = "B is better")]
    BBetter,
    /// The sample does not tell the models apart, and would have if they differed by the margin.
    #[serde(rename = "no loss beyond the margin")]
    NoLossBeyondMargin,
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Words::NoDifferenceSeen => "no difference seen",
            Words::ABetter => "A is better",
            Words::BBetter => "B is better",
            Words::NoLossBeyondMargin => "no loss beyond the margin",
        })
    }
}

/// A test of "there is no difference".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// Two-sided p-value of this metric alone.
    pub p: f64,
    /// The p-value after Holm's correction over the family.
    pub p_holm: f64,
    /// The metrics that were corrected together.
    pub family: String,
    /// How many these are.
    pub family_size: usize,
}

/// One metric of both models, laid side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Difference {
    /// Stable name, that of the two measurements.
    pub metric: String,
    /// The metric in words.
    pub about: String,
    /// Which direction is welcome.
    pub better: Better,
    /// What `a` and `b` count.
    pub unit: Unit,
    /// Value of model A; its measurement is the first of `difference.from`.
    pub a: f64,
    /// Value of model B; its measurement is the second of `difference.from`.
    pub b: f64,
    /// A minus B for shares, A divided by B for everything else, with its interval.
    pub difference: Measurement,
    /// Items that only A, and that only B, got right.
    pub only_right: Option<[usize; 2]>,
    /// The test that decides.
    pub test: Test,
    /// Whether the corrected p-value is below 1 − [`LEVEL`](crate::stats::LEVEL).
    pub real: bool,
    /// What may be said.
    pub words: Words,
    /// The smallest true difference that a sample of this size shows four times out of five, on the scale of
    /// `difference`, under the test that decides: at the strictest step of Holm's correction.
    pub detectable: Option<f64>,
    /// The difference held against the margin of equivalence, where one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equivalence: Option<Equivalence>,
}

/// Two one-sided tests at 5 %: the models differ by less than the margin if the whole 90 % interval lies within it.
/// Source: Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Equivalence {
    /// Declared before the run, on the scale of the difference.
    pub margin: f64,
    /// Of the difference.
    pub interval: Interval,
}

impl Equivalence {
    /// Whether the whole interval lies within the margin on either side.
    pub fn holds(&self) -> bool {
        -self.margin < self.interval.low && self.interval.high < self.margin
    }
}

impl Difference {
    /// The model with the better value, if the difference is real.
    pub fn winner(&self) -> Option<Side> {
        match self.words {
            Words::NoDifferenceSeen | Words::NoLossBeyondMargin => None,
            Words::ABetter => Some(Side::A),
            Words::BBetter => Some(Side::B),
        }
    }
}

/// What a clause does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClauseKind {
    /// Says what the evidence supports.
    Supported,
    /// Says what it leaves open.
    NotSupported,
}

/// A stretch of a sentence: words, or a number with the measurement it was read off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Piece {
    /// As it is read.
    pub text: String,
    /// Id of the measurement behind it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// A part of the conclusion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Clause {
    /// What it does.
    pub kind: ClauseKind,
    /// Its words and numbers.
    pub pieces: Vec<Piece>,
}

/// One sentence: what the evidence supports and what it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Conclusion {
    /// The sentence.
    pub sentence: String,
    /// The same, clause by clause, with the measurement behind each number.
    pub clauses: Vec<Clause>,
}
