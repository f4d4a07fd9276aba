//! Marking: is this answer right?
//!
//! Generated answers come from chat models that may think aloud, wrap the answer in a sentence or a code fence, or
//! set it in bold. The rules in [`extract`] find the answer; marking is then exact. What a model knows and whether it keeps
//! to a form are two questions: [`Scoring::mark`] asks both, [`Scoring::knows`] the first.

pub mod extract;
mod knowledge;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::benchmark::{Marking, ProgramTask};
use crate::language_model::AnswerError;
use crate::questions::Check;

/// Raised whenever a rule here changes what is marked right; part of every suite's id.
pub const SCORER_VERSION: u32 = 2;

/// How an item is marked, with the right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Scoring {
    /// By likelihood: the model must find `options[answer]` likelier than every other option.
    Choice {
        /// What may be answered.
        options: Vec<String>,
        /// Index of the right one.
        answer: usize,
    },
    /// A generated text, equal letter by letter after its wrapping is taken off.
    Text {
        /// The right text.
        answer: String,
    },
    /// Generated names or numbers in the right order, whatever separates them.
    List {
        /// The right elements in order.
        answer: Vec<String>,
    },
    /// A generated name out of a closed set, such as a weekday: the last one that the answer mentions.
    Named {
        /// Every name of the set.
        names: Vec<String>,
        /// The right one.
        answer: String,
    },
    /// A generated whole number.
    Number {
        /// The right number.
        answer: i64,
    },
    /// A generated JSON value, equal whatever its spacing and order of keys.
    Json {
        /// The right value.
        answer: Value,
    },
    /// Of a question of one's own: by its check.
    Check(Check),
    /// Of a published benchmark: as that is marked.
    Benchmark(Marking),
    /// A generated program, run against its tests.
    Program(ProgramTask),
}

impl Scoring {
    /// Whether the answer `raw`, as the model wrote it, is right. For [`Scoring::Choice`] it is the option's text.
    pub fn mark(&self, raw: &str) -> bool {
        match self {
            Scoring::Choice { options, answer } => raw == options[*answer],
            Scoring::Text { answer } => extract::text(raw) == answer,
            Scoring::List { answer } => {
                let found = extract::list(raw);
                found.len() == answer.len() && found.iter().zip(answer).all(|(a, b)| a.eq_ignore_ascii_case(b))
            }
            Scoring::Named { names, answer } => extract::last_named(raw, names) == Some(answer.as_str()),
            Scoring::Number { answer } => extract::number(raw) == Some(*answer),
            Scoring::Json { answer } => extract::json(raw).is_some_and(|found| same_json(&found, answer)),
            Scoring::Check(check) => check.mark(raw),
            Scoring::Benchmark(marking) => marking.mark(raw),
            // Without a verdict nothing is right; `marked` tells why there is none.
            Scoring::Program(task) => task.mark(raw).unwrap_or(false),
        }
    }

    /// Whether the right answer stands in `raw`, in whatever form: what is marked right, and what an explanation, capitals
    /// or another order of day and month keep from being so.
    pub fn knows(&self, raw: &str) -> bool {
        self.mark(raw) || knowledge::holds(self, raw)
    }

    /// Whether [`Scoring::knows`] tells more than [`Scoring::mark`]: not where questions say themselves how they are marked.
    pub fn tells_forms_apart(&self) -> bool {
        !matches!(self, Scoring::Check(_) | Scoring::Benchmark(_) | Scoring::Program(_))
    }

    /// Whether the answer `raw` is right, where telling may fail.
    ///
    /// # Errors
    /// The sandbox that a program is run in gave no verdict.
    pub fn marked(&self, raw: &str) -> Result<bool, AnswerError> {
        match self {
            Scoring::Program(task) => task.mark(raw),
            _ => Ok(self.mark(raw)),
        }
    }

    /// What marking a kept answer again gives; `None` for programs, which nobody runs again to check a record.
    pub fn marked_again(&self, raw: &str) -> Option<bool> {
        (!matches!(self, Scoring::Program(_))).then(|| self.mark(raw))
    }

    /// The options that are chosen from by likelihood, as they follow the question, and the lengths that likelihoods are
    /// divided by, none where they are not; `None` where an answer is generated.
    pub fn options(&self) -> Option<(&[String], &[usize])> {
        match self {
            Scoring::Choice { options, .. } => Some((options, &[])),
            Scoring::Check(Check::Choice { options, lengths, .. }) => Some((options, lengths)),
            Scoring::Benchmark(marking) => marking.options(),
            _ => None,
        }
    }

    /// The share of right answers that guessing among what may be answered would give; 0 where anything may be.
    pub fn chance(&self) -> f64 {
        match self {
            Scoring::Named { names, .. } => 1.0 / names.len().max(1) as f64,
            _ => self.options().map_or(0.0, |(options, _)| 1.0 / options.len().max(1) as f64),
        }
    }

    /// What is right, in words for people.
    pub fn wanted(&self) -> String {
        match self {
            Scoring::Check(check) => check.wanted(),
            Scoring::Benchmark(marking) => marking.wanted(),
            _ => self.reference(),
        }
    }

    /// The right answer as a terse model would write it; empty where none follows from how it is marked.
    pub fn reference(&self) -> String {
        match self {
            Scoring::Choice { options, answer } => options[*answer].clone(),
            Scoring::Text { answer } | Scoring::Named { answer, .. } => answer.clone(),
            Scoring::List { answer } => answer.join(", "),
            Scoring::Number { answer } => answer.to_string(),
            Scoring::Json { answer } => spaced_json(answer),
            Scoring::Check(check) => check.reference(),
            Scoring::Benchmark(marking) => marking.reference(),
            Scoring::Program(task) => task.reference(),
        }
    }

    /// A wrong answer of the right form, to show that marking can say no.
    pub fn spoiled(&self) -> String {
        match self {
            Scoring::Choice { options, answer } => options[(answer + 1) % options.len()].clone(),
            Scoring::Text { answer } => {
                let reversed: String = answer.chars().rev().collect();
                if reversed == *answer { format!("{answer}-x") } else { reversed }
            }
            Scoring::List { answer } => answer.iter().rev().cloned().collect::<Vec<_>>().join(", "),
            Scoring::Named { names, answer } => names.iter().find(|name| *name != answer).cloned().unwrap_or_default(),
            Scoring::Number { answer } => (answer + 1).to_string(),
            Scoring::Json { answer } => format!("[{answer}]"),
            Scoring::Check(check) => check.spoiled(),
            Scoring::Benchmark(marking) => marking.spoiled(),
            Scoring::Program(task) => task.spoiled(),
        }
    }
}

/// Equal values; the order of keys and the spelling of numbers (`3`, `3.0`) do not matter.
fn same_json(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_json(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same_json(value, other)))
        }
        _ => a == b,
    }
}

/// JSON on one line with a space after each comma and colon, as most people and models write it.
fn spaced_json(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let parts: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced_json(value)))
                .collect();
            format!("{{{}}}", parts.join(", "))
        }
        Value::Array(array) => format!("[{}]", array.iter().map(spaced_json).collect::<Vec<_>>().join(", ")),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
