//! How an answer to a question of one's own is marked.

use jsonschema::{PatternOptions, Validator};
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::number::{decimal, is_near};
use crate::runner::leader;
use crate::score::extract::{after_thinking, json, text};

/// Bytes that a compiled pattern may take: some thousands of characters, and no bomb of nested repetitions.
const PATTERN_BYTES: usize = 1 << 20;

/// A way of marking, with the right answers. Thinking (`<think>…</think>`) is never part of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "check", rename_all = "kebab-case")]
pub enum Check {
    /// The answer is one of these letter by letter, as it was written or without what stands around it: an announcement
    /// (`The answer is: …`), a code fence, quotation marks, bold, a full stop.
    Exact {
        /// Right answers.
        expected: Vec<String>,
        /// Whether capitals do not matter.
        #[serde(default)]
        ignore_case: bool,
    },
    /// One of these stands somewhere in the answer.
    Contains {
        /// Right answers.
        expected: Vec<String>,
        /// Whether capitals do not matter.
        #[serde(default)]
        ignore_case: bool,
    },
    /// One of these regular expressions, in the syntax of Rust's `regex`, matches somewhere in the answer.
    Regex {
        /// The expressions.
        expected: Vec<String>,
    },
    /// The number in the answer, found as [`decimal`] tells, is one of these.
    Number {
        /// Right numbers.
        expected: Vec<f64>,
        /// By how much it may be off.
        #[serde(default)]
        tolerance: f64,
    },
    /// By likelihood: of the options the right one is the likeliest answer, for each of its characters where
    /// `normalised`.
    Choice {
        /// What may be answered, as it follows the question.
        options: Vec<String>,
        /// Index of the right one.
        answer: usize,
        /// Characters of each option that its likelihood is divided by; none where it is not.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lengths: Vec<usize>,
    },
    /// The first JSON value of the answer, bare, in a fence or within a sentence, is as the schema wants it.
    JsonSchema {
        /// A JSON Schema. References to other documents are not followed.
        schema: Value,
    },
}

impl Check {
    /// The names of all checks.
    pub const NAMES: [&'static str; 6] = ["exact", "contains", "regex", "number", "choice", "json-schema"];

    /// A choice between `options` by the likelihood of each for each of its characters, as lm-evaluation-harness's
    /// `acc_norm` has it, so that long options stand no worse than short ones.
    pub fn choice(options: Vec<String>, answer: usize) -> Check {
        let lengths = options.iter().map(|option| option.chars().count().max(1)).collect();
        Check::Choice { options, answer, lengths }
    }

    /// Whether the answer `raw` is right, as the model wrote it; for a choice it is the option's text.
    pub fn mark(&self, raw: &str) -> bool {
        match self {
            Check::Exact { expected, ignore_case } => {
                let is = |found: &str| expected.iter().any(|right| equal(found.trim(), right.trim(), *ignore_case));
                is(after_thinking(raw)) || is(text(raw))
            }
            Check::Contains { expected, ignore_case } => {
                let fold = |text: &str| if *ignore_case { text.to_lowercase() } else { text.to_owned() };
                let answer = fold(after_thinking(raw));
                expected.iter().any(|right| answer.contains(&fold(right)))
            }
            Check::Regex { expected } => {
                let answer = after_thinking(raw);
                expected.iter().any(|pattern| compiled(pattern).is_ok_and(|regex| regex.is_match(answer)))
            }
            Check::Number { expected, tolerance } => {
                decimal(raw).is_some_and(|found| expected.iter().any(|right| is_near(found, *right, *tolerance)))
            }
            Check::Choice { options, answer, .. } => raw == options[*answer],
            Check::JsonSchema { schema } => {
                json(raw).is_some_and(|found| validator(schema).is_ok_and(|schema| schema.is_valid(&found)))
            }
        }
    }

    /// A right answer; empty where none can be told from the check.
    pub fn reference(&self) -> String {
        match self {
            Check::Exact { expected, .. } | Check::Contains { expected, .. } => {
                expected.first().cloned().unwrap_or_default()
            }
            Check::Number { expected, .. } => expected.first().map(f64::to_string).unwrap_or_default(),
            Check::Choice { options, answer, .. } => options[*answer].clone(),
            Check::Regex { .. } | Check::JsonSchema { .. } => String::new(),
        }
    }

    /// A wrong answer: another option, or none at all.
    pub fn spoiled(&self) -> String {
        match self {
            Check::Choice { options, answer, .. } => options[(answer + 1) % options.len()].clone(),
            _ => String::new(),
        }
    }

    /// What is right, in words.
    pub fn wanted(&self) -> String {
        let any = |all: &[String]| all.join(" | ");
        match self {
            Check::Exact { expected, .. } => any(expected),
            Check::Contains { expected, .. } => format!("contains: {}", any(expected)),
            Check::Regex { expected } => format!("matches: {}", any(expected)),
            Check::JsonSchema { schema } => format!("JSON as in: {schema}"),
            Check::Number { expected, .. } => any(&expected.iter().map(f64::to_string).collect::<Vec<_>>()),
            Check::Choice { .. } => self.reference(),
        }
    }
}

/// The index of the likeliest option, each likelihood divided by the option's length where there are lengths; none where
/// two share the lead or any is not a number.
pub(crate) fn likeliest(log_likelihoods: &[f64], lengths: &[usize]) -> Option<usize> {
    let each: Vec<f64> = match lengths {
        [] => log_likelihoods.to_vec(),
        _ => log_likelihoods.iter().zip(lengths).map(|(sum, n)| sum / *n as f64).collect(),
    };
    leader(&each)
}

fn equal(found: &str, right: &str, ignore_case: bool) -> bool {
    found == right || (ignore_case && found.to_lowercase() == right.to_lowercase())
}

/// The pattern, if it is one of bounded size. Matching takes time in proportion to the answer, whatever the pattern.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES).build()
}

/// The validator of a schema. It reaches for no other document, and its patterns are those of [`compiled`].
///
/// # Errors
/// What is wrong with the schema.
pub(crate) fn validator(schema: &Value) -> Result<Validator, String> {
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
    jsonschema::options().with_pattern_options(patterns).build(schema).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn an_exact_answer_may_be_wrapped_and_no_more() {
        let check = Check::Exact { expected: texts(&["Paris", "the City of Light."]), ignore_case: false };
        for raw in
            ["Paris", " Paris.\n", "**Paris**", "The answer is: Paris", "the City of Light.", "<think>?</think>Paris"]
        {
            assert!(check.mark(raw), "{raw}");
        }
        for raw in ["paris", "Paris, France", "", "<think>Paris"] {
            assert!(!check.mark(raw), "{raw}");
        }
        assert!(Check::Exact { expected: texts(&["ÉTÉ"]), ignore_case: true }.mark("été"));
    }

    #[test]
    fn a_text_or_a_pattern_is_looked_for_in_the_answer_and_not_in_the_thinking() {
        let contains = Check::Contains { expected: texts(&["reset", "restart"]), ignore_case: true };
        assert!(contains.mark("Then Restart it.") && !contains.mark("<think>restart</think>Wait."));
        let regex = Check::Regex { expected: texts(&[r"(?i)\bERR-\d{4}\b"]) };
        assert!(regex.mark("It says err-0042.") && !regex.mark("ERR-42"));
    }

    #[test]
    fn a_number_may_be_off_by_its_tolerance_and_by_nothing_without() {
        let near = Check::Number { expected: vec![9.81], tolerance: 0.05 };
        assert!(near.mark("about 9.8 m/s²: 9.8") && !near.mark("10"));
        let exact = Check::Number { expected: vec![0.3, 3.0], tolerance: 0.0 };
        assert!(exact.mark("0.1 + 0.2 = 0.30") && exact.mark("3.0") && !exact.mark("0.31"));
    }

    #[test]
    fn json_is_held_against_its_schema() {
        let schema = json!({
            "type": "object", "required": ["name"],
            "properties": { "name": { "type": "string", "pattern": "^[A-Z]" }, "age": { "type": "integer" } }
        });
        let check = Check::JsonSchema { schema };
        assert!(check.mark("Here:\n```json\n{\"name\": \"Ada\", \"age\": 36}\n```"));
        for raw in ["{\"name\": \"ada\"}", "{\"age\": 36}", "{\"name\": \"Ada\", \"age\": 3.5}", "Ada"] {
            assert!(!check.mark(raw), "{raw}");
        }
    }

    #[test]
    fn a_schema_reaches_for_no_other_document_and_one_that_holds_itself_ends() {
        assert!(validator(&json!({ "$ref": "https://example.com/x.json" })).is_err());
        assert!(validator(&json!({ "$ref": "file:///etc/passwd" })).is_err());
        let tree = json!({ "type": "object", "additionalProperties": { "$ref": "#" } });
        assert!(validator(&tree).unwrap().is_valid(&json!({ "a": { "b": {} } })));
    }

    #[test]
    fn a_pattern_too_large_is_refused() {
        assert!(compiled("(((a{100}){100}){100})").is_err());
        assert!(compiled("(").is_err());
    }

    #[test]
    fn a_long_option_stands_no_worse_than_a_short_one() {
        assert_eq!(likeliest(&[-2.0, -6.0], &[]), Some(0));
        assert_eq!(likeliest(&[-2.0, -6.0], &[1, 6]), Some(1));
        assert_eq!(likeliest(&[-2.0, -2.0], &[]), None, "a tie is no answer");
        assert_eq!(likeliest(&[-2.0, f64::NAN], &[]), None);
        assert_eq!(likeliest(&[], &[]), None);
    }
}
