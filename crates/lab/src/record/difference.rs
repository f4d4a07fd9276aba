//! What sets two models apart, and what may be said of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Measurement, Side, Unit};

/// Which direction of a metric is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better: accuracy, tokens per second.
    Higher,
    /// Less is better: bytes, seconds.
    Lower,
}

/// What may be said of a difference. There are no words for "equal": without a margin of equivalence fixed before
/// the run, a sample cannot show that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Words::NoDifferenceSeen => "no difference seen",
            Words::ABetter => "A is better",
            Words::BBetter => "B is better",
        })
    }
}

/// A test of "there is no difference".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// `difference`; before Holm's correction.
    pub detectable: Option<f64>,
}

impl Difference {
    /// The model with the better value, if the difference is real.
    pub fn winner(&self) -> Option<Side> {
        match self.words {
            Words::NoDifferenceSeen => None,
            Words::ABetter => Some(Side::A),
            Words::BBetter => Some(Side::B),
        }
    }
}

/// What a clause does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClauseKind {
    /// Says what the evidence supports.
    Supported,
    /// Says what it leaves open.
    NotSupported,
}

/// A stretch of a sentence: words, or a number with the measurement it was read off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// As it is read.
    pub text: String,
    /// Id of the measurement behind it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<String>,
}

/// A part of the conclusion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// What it does.
    pub kind: ClauseKind,
    /// Its words and numbers.
    pub pieces: Vec<Piece>,
}

/// One sentence: what the evidence supports and what it does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conclusion {
    /// The sentence.
    pub sentence: String,
    /// The same, clause by clause, with the measurement behind each number.
    pub clauses: Vec<Clause>,
}
