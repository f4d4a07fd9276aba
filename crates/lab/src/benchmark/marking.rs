//! How the answers of published benchmarks are marked, as lm-evaluation-harness or the benchmark's own script does it.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use super::bfcl::Calls;
use super::ifeval::Instructions;
use super::vqa::{anls, is_relaxed, reads, vqa_accuracy};
use crate::prompting::Prompting;
use crate::questions::likeliest;
use crate::score::Scoring;
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
    /// The letter of one of the options, wherever it stands.
    LetterOf {
        /// The right letter.
        answer: char,
        /// The options, by which an answer in words is known.
        options: Vec<String>,
    },
    /// BFCL's calls, all of them and no other.
    Calls(Calls),
    /// IFEval's instructions, all of them followed.
    Ifeval(Instructions),
    /// DocVQA's: near enough to one of these, by an ANLS of 0.5 or more.
    Anls {
        /// Right answers.
        answers: Vec<String>,
    },
    /// ChartQA's: within one in twenty.
    Relaxed {
        /// The right answer.
        answer: String,
    },
    /// TextVQA's: a VQA accuracy of 0.5 or more.
    Vqa {
        /// What ten people answered.
        answers: Vec<String>,
    },
    /// OCRBench's: one of these stands in the answer.
    Reads {
        /// Right answers.
        answers: Vec<String>,
        /// Whether it is a handwritten formula, which is compared without spaces.
        formula: bool,
    },
}

/// A choice by likelihood between `options`, which follow the question behind a space where it is continued; by `acc_norm`
/// where `normalised`, else by `acc`.
pub(super) fn likeliest_of(options: Vec<String>, answer: usize, normalised: bool, prompting: Prompting) -> Scoring {
    let lengths = options.iter().map(|option| option.chars().count().max(1)).collect();
    let options = match prompting {
        Prompting::Base => options.iter().map(|option| format!(" {option}")).collect(),
        Prompting::Chat => options,
    };
    Scoring::Benchmark(Marking::Likeliest { options, answer, lengths, normalised })
}

/// A count by another rule than the one that decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// The rule's name in the literature.
    pub name: &'static str,
    /// What was right; parts where the rule gives parts.
    pub right: f64,
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
            Marking::LetterOf { answer, options } => letter_of(after_thinking(raw), options) == Some(*answer),
            Marking::Ifeval(instructions) => instructions.strict(after_thinking(raw)).iter().all(|followed| *followed),
            Marking::Calls(calls) => calls.are_made(after_thinking(raw)),
            Marking::Anls { answers } => anls(after_thinking(raw), answers) >= 0.5,
            Marking::Relaxed { answer } => is_relaxed(after_thinking(raw), answer),
            Marking::Vqa { answers } => vqa_accuracy(after_thinking(raw), answers) >= 0.5,
            Marking::Reads { answers, formula } => reads(after_thinking(raw), answers, *formula),
        }
    }

    /// What other rules of the benchmark say of the same answer, the deciding one among them.
    pub fn readings(&self, raw: &str, log_likelihoods: &[f64]) -> Vec<Reading> {
        let reading = |name, right: bool| Reading { name, right: f64::from(u8::from(right)), of: 1 };
        let answer_alone = after_thinking(raw);
        match self {
            Marking::Likeliest { answer, lengths, .. } => vec![
                reading("acc", likeliest(log_likelihoods, &[]) == Some(*answer)),
                reading("acc_norm", likeliest(log_likelihoods, lengths) == Some(*answer)),
            ],
            Marking::Gsm8k { answer, .. } => vec![
                reading("strict-match", gsm8k_is(&strict_number(raw), answer)),
                reading("flexible-extract", gsm8k_is(&last_number(raw), answer)),
            ],
            Marking::Ifeval(instructions) => {
                let (strict, loose) = (instructions.strict(answer_alone), instructions.loose(answer_alone));
                let each = |name, followed: &[bool]| {
                    let right = followed.iter().filter(|followed| **followed).count() as f64;
                    Reading { name, right, of: followed.len() }
                };
                vec![
                    reading("prompt_level_strict_acc", strict.iter().all(|followed| *followed)),
                    each("inst_level_strict_acc", &strict),
                    reading("prompt_level_loose_acc", loose.iter().all(|followed| *followed)),
                    each("inst_level_loose_acc", &loose),
                ]
            }
            Marking::Anls { answers } => vec![Reading { name: "anls", right: anls(answer_alone, answers), of: 1 }],
            Marking::Vqa { answers } => {
                vec![Reading { name: "vqa_accuracy", right: vqa_accuracy(answer_alone, answers), of: 1 }]
            }
            // One rule alone.
            _ => Vec::new(),
        }
    }

    /// A right answer.
    pub fn reference(&self) -> String {
        match self {
            Marking::Likeliest { options, answer, .. } => options[*answer].clone(),
            Marking::Gsm8k { answer, .. } => format!("#### {answer}"),
            Marking::Letter { answer } => format!("The answer is ({answer})."),
            Marking::LetterOf { answer, .. } => format!("({answer})"),
            Marking::Anls { answers } | Marking::Reads { answers, .. } => answers.first().cloned().unwrap_or_default(),
            Marking::Relaxed { answer } => answer.clone(),
            // People need not agree, and no text is known to follow instructions.
            Marking::Vqa { .. } | Marking::Ifeval(_) | Marking::Calls(_) => String::new(),
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
            Marking::Anls { answers } | Marking::Reads { answers, .. } | Marking::Vqa { answers } => {
                answers.join(" | ")
            }
            Marking::Ifeval(_) => "every instruction followed".to_owned(),
            Marking::Calls(_) => "the right calls".to_owned(),
            Marking::LetterOf { .. } | Marking::Relaxed { .. } => self.reference(),
        }
    }
}

/// The letter that an answer gives: the last in brackets, else the last by itself, else the last before a full stop, else
/// in a long answer the option that is named last. Source: `parse_multi_choice_response` of MMMU's evaluation, which
/// guesses where nothing is found; here that is no answer.
fn letter_of(answer: &str, options: &[String]) -> Option<char> {
    let answer = answer.trim_matches([',', '.', '!', '?', ';', ':', '\'']);
    let padded = format!(" {answer} ");
    let letters = || ('A'..='I').take(options.len());
    let last = |form: &dyn Fn(char) -> String| {
        letters().filter_map(|letter| Some((padded.rfind(&form(letter))?, letter))).max().map(|(_, letter)| letter)
    };
    let named = || {
        let lower = padded.to_lowercase();
        let found =
            letters().zip(options).filter_map(|(letter, option)| Some((lower.rfind(&option.to_lowercase())?, letter)));
        found.max().map(|(_, letter)| letter)
    };
    last(&|letter| format!("({letter})"))
        .or_else(|| last(&|letter| format!(" {letter} ")))
        .or_else(|| last(&|letter| format!("{letter}.")))
        .or_else(|| if answer.split_whitespace().count() > 5 { named() } else { None })
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
