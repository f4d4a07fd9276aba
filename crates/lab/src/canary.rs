//! Whether a model predicts ordinary text at all. Random weights, shuffled embeddings and broken arithmetic do not, and a
//! score of such a run says nothing.
//!
//! What is held against a bound is the mean log-likelihood of a token, as a part of what an even guess over the vocabulary
//! would give: no sum, in which a long text loses to a short one, and nothing relative to noise, which loses to everything.
//! No text repeats a token beside itself, for random weights whose output table is the embedding predict just that.

use serde::{Deserialize, Serialize};

use crate::runner::{Answerer, Question, RunError};
use crate::suite::{Item, PLAIN, Suite};

/// A model may lose this part of an even guess per token, and no more.
const BOUND: f64 = 0.6;
/// Canaries that have to pass: a model made for stories or for sums cannot be at home in all of them, and a broken
/// one is at home in none.
const NEEDED: usize = 2;

/// Ordinary exchanges, one for each habit that some working model may lack.
const TEXTS: [(&str, &str, &str); 6] = [
    (
        "story",
        "Tell me a story.",
        "Once upon a time, there was a little girl. She liked to play in the garden with her dog.",
    ),
    ("copying", "Repeat this text exactly: river table lemon piano", "river table lemon piano"),
    ("spelling", "Spell the word \"mirado\" with a hyphen between the letters.", "m-i-r-a-d-o"),
    (
        "json",
        "Write a JSON object with the keys \"name\", \"age\" and \"word\" for Clara, 34, river. Answer with JSON only.",
        "{\"name\": \"Clara\", \"age\": 34, \"word\": \"river\"}",
    ),
    (
        "ordering",
        "Sort these numbers from smallest to largest: 12, 45, 78. Answer with the numbers only.",
        "12, 45, 78",
    ),
    ("capital", "What is the capital of France?", "The capital of France is Paris."),
];

/// How surely a model predicts a text behind a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Predicted {
    /// Mean log-likelihood of its tokens. [nats]
    pub mean: f64,
    /// What an even guess over the vocabulary gives. [nats]
    pub even: f64,
}

/// One canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Canary {
    /// Which.
    pub name: String,
    /// Mean log-likelihood of a token. [nats]
    pub mean: f64,
    /// What an even guess over the vocabulary would give. [nats]
    pub even: f64,
    /// Whether the mean lies within the band: a number, no more than that of certainty and no less than a part of the even
    /// guess.
    pub passed: bool,
}

/// All canaries of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Canaries {
    /// In the order in which they were put.
    pub all: Vec<Canary>,
    /// Whether enough passed. Then the model predicts text.
    pub passed: bool,
}

/// Which is likelier broken where canaries fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Broken {
    /// The run: this program, or how it reads these files.
    Run,
    /// The model: its weights.
    Model,
}

/// What canaries that failed point at: the model where its numbers are the reference's, or where another model passed in
/// the same run; else the run.
pub fn likelier_broken(verified: Option<bool>, another_passed: bool) -> Broken {
    match (verified, another_passed) {
        (Some(true), _) | (None, true) => Broken::Model,
        (Some(false), _) | (None, false) => Broken::Run,
    }
}

impl Canaries {
    fn of(all: Vec<Canary>) -> Canaries {
        Canaries { passed: all.iter().filter(|canary| canary.passed).count() >= NEEDED, all }
    }

    /// How many passed.
    pub fn n_passed(&self) -> usize {
        self.all.iter().filter(|canary| canary.passed).count()
    }
}

/// Puts the canaries to `model`; none where `suite` asks about pictures alone, which a model may answer that predicts no
/// other text.
///
/// # Errors
/// When the model cannot be asked; that canaries fail is no error but a finding.
pub fn put(suite: &Suite, model: &mut dyn Answerer) -> Result<Option<Canaries>, RunError> {
    if suite.items.iter().all(Item::shows_pictures) {
        return Ok(None);
    }
    let all: Result<Vec<Canary>, RunError> = TEXTS.iter().map(|text| one(*text, model)).collect();
    Ok(Some(Canaries::of(all?)))
}

fn one((name, prompt, text): (&str, &str, &str), model: &mut dyn Answerer) -> Result<Canary, RunError> {
    let failed = |source| RunError::Answer { item: format!("canary {name}"), source };
    let question = Question { prompt, picture: None, framing: &PLAIN };
    let Predicted { mean, even } = model.predicted(question, text).map_err(failed)?;
    // Not a number is within no band.
    let passed = mean <= 0.0 && mean >= BOUND * even;
    Ok(Canary { name: name.to_owned(), mean, even, passed })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canaries(means: &[f64]) -> Vec<Canary> {
        let canary = |mean: &f64| Canary {
            name: String::new(),
            mean: *mean,
            even: -6.0,
            passed: *mean <= 0.0 && *mean >= BOUND * -6.0,
        };
        means.iter().map(canary).collect()
    }

    #[test]
    fn two_have_to_pass_and_no_canary_is_no_pass() {
        assert!(Canaries::of(canaries(&[-1.0, -0.1, -9.0, -6.0])).passed);
        assert!(!Canaries::of(canaries(&[-1.0, -5.9, f64::NAN, 0.5])).passed);
        assert!(!Canaries::of(vec![]).passed);
    }

    #[test]
    fn what_failed_is_the_run_unless_something_speaks_for_it() {
        assert_eq!(likelier_broken(Some(true), false), Broken::Model);
        assert_eq!(likelier_broken(None, true), Broken::Model);
        assert_eq!(likelier_broken(Some(false), true), Broken::Run);
        assert_eq!(likelier_broken(None, false), Broken::Run);
    }
}
