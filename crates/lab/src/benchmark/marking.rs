//! How the answers of published benchmarks are marked, as lm-evaluation-harness or the benchmark's own script does it.

use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

use crate::questions::likeliest;
use crate::score::extract::after_thinking;

/// A benchmark's way of marking, with the right answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "marking", rename_all = "kebab-case")]
pub enum Marking {
    /// By likelihood: of the options the right one is the likeliest continuation, in all or for each of its characters.
    Likeliest {
        /// The options, as they follow the question.
        options: Vec<String>,
        /// Index of the right one.
        answer: usize,
        /// Characters of each option without the space before it: what `acc_norm` divides by.
        lengths: Vec<usize>,
        /// Whether `acc_norm` decides, and not `acc`.
        normalised: bool,
    },
    /// GSM8K's number.
    Gsm8k {
        /// The number behind `####` of the published answer.
        answer: String,
        /// Whether the number behind `####` decides (`strict-match`), and not the last of the answer
        /// (`flexible-extract`).
        strict: bool,
    },
    /// The letter behind `answer is`.
    Letter {
        /// The right letter.
        answer: char,
    },
}

/// A count by another rule than the one that decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reading {
    /// The rule's name in the literature.
    pub name: &'static str,
    /// What was right.
    pub right: usize,
    /// Of how many.
    pub of: usize,
}

impl Marking {
    /// Options that are chosen from by likelihood, and what their likelihoods are divided by.
    pub fn options(&self) -> Option<(&[String], &[usize])> {
        match self {
            Marking::Likeliest { options, lengths, normalised, .. } => {
                Some((options, if *normalised { lengths } else { &[] }))
            }
            _ => None,
        }
    }

    /// Whether the answer `raw` is right; for options it is the option's text.
    pub fn mark(&self, raw: &str) -> bool {
        match self {
            Marking::Likeliest { options, answer, .. } => raw == options[*answer],
            Marking::Gsm8k { answer, strict: true } => gsm8k_is(&strict_number(raw), answer),
            Marking::Gsm8k { answer, strict: false } => gsm8k_is(&last_number(raw), answer),
            Marking::Letter { answer } => announced_letter(raw) == Some(*answer),
        }
    }

    /// What other rules of the benchmark say of the same answer, the deciding one among them.
    pub fn readings(&self, raw: &str, log_likelihoods: &[f64]) -> Vec<Reading> {
        let reading = |name, right: bool| Reading { name, right: usize::from(right), of: 1 };
        match self {
            Marking::Likeliest { answer, lengths, .. } => vec![
                reading("acc", likeliest(log_likelihoods, &[]) == Some(*answer)),
                reading("acc_norm", likeliest(log_likelihoods, lengths) == Some(*answer)),
            ],
            Marking::Gsm8k { answer, .. } => vec![
                reading("strict-match", gsm8k_is(&strict_number(raw), answer)),
                reading("flexible-extract", gsm8k_is(&last_number(raw), answer)),
            ],
            Marking::Letter { .. } => Vec::new(),
        }
    }

    /// A right answer.
    pub fn reference(&self) -> String {
        match self {
            Marking::Likeliest { options, answer, .. } => options[*answer].clone(),
            Marking::Gsm8k { answer, .. } => format!("#### {answer}"),
            Marking::Letter { answer } => format!("The answer is ({answer})."),
        }
    }

    /// A wrong answer: another option, or none at all.
    pub fn spoiled(&self) -> String {
        match self {
            Marking::Likeliest { options, answer, .. } => {
                options.iter().find(|option| **option != options[*answer]).cloned().unwrap_or_default()
            }
            _ => String::new(),
        }
    }

    /// What is right, in words.
    pub fn wanted(&self) -> String {
        match self {
            Marking::Likeliest { .. } => self.reference().trim_start().to_owned(),
            Marking::Gsm8k { answer, .. } => answer.clone(),
            Marking::Letter { answer } => answer.to_string(),
        }
    }
}

macro_rules! pattern {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("a pattern of the harness"));
    };
}

// The filters of lm-evaluation-harness 0.4.13, tasks/gsm8k/gsm8k.yaml. `[0-9]` is ASCII there and here.
pattern!(STRICT, r"#### (-?[0-9.,]+)");
pattern!(FLEXIBLE, r"(-?[$0-9.,]{2,})|(-?[0-9]+)");
// tasks/mmlu_pro/_default_template_yaml.
pattern!(LETTER, r"answer is \(?([A-J])\)?");

/// The first number behind `####`; empty where there is none.
fn strict_number(raw: &str) -> String {
    STRICT.captures(raw).map_or_else(String::new, |found| found[1].trim().to_owned())
}

/// The last number; empty where there is none.
fn last_number(raw: &str) -> String {
    FLEXIBLE.find_iter(raw).last().map_or_else(String::new, |found| found.as_str().trim().to_owned())
}

/// `exact_match` of gsm8k.yaml: without commas, dollars and a full stop at the end.
fn gsm8k_is(found: &str, answer: &str) -> bool {
    let plain = |text: &str| {
        let text = text.replace([',', '$'], "");
        text.strip_suffix('.').unwrap_or(&text).to_lowercase()
    };
    plain(found) == plain(answer) && !found.is_empty()
}

/// The first letter behind `answer is`, of what follows the thinking.
fn announced_letter(raw: &str) -> Option<char> {
    LETTER.captures(after_thinking(raw))?[1].chars().next()
}
