//! What is wrong with a file of questions.

use std::fmt;
use std::io;

/// Malformed lines that are told one by one.
const TOLD: usize = 20;
/// Lines that repeat a question of which the numbers are told.
const TOLD_REPEATS: usize = 5;

/// Why a file holds no questions that can be asked.
#[derive(Debug, thiserror::Error)]
pub enum QuestionsError {
    /// It cannot be read.
    #[error("`{file}` cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// It is longer than any file of questions.
    #[error("`{file}` is longer than {most} bytes")]
    TooLong {
        /// The file.
        file: String,
        /// Bytes that it may have.
        most: u64,
    },
    /// It is UTF-16.
    #[error("`{file}` is UTF-16 text; JSON lines are UTF-8")]
    Utf16 {
        /// The file.
        file: String,
    },
    /// It has no line.
    #[error("`{file}` holds no questions")]
    Empty {
        /// The file.
        file: String,
    },
    /// Some of its lines are malformed; all of them are told, for they are all to be mended.
    #[error("{}", told(file, faults))]
    Lines {
        /// The file.
        file: String,
        /// What is wrong, in the order of the lines.
        faults: Vec<Fault>,
    },
}

/// A malformed line.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Flaw {
    /// A byte that is no UTF-8.
    #[error("not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The byte, from 1.
        at: usize,
    },
    /// Longer than a question.
    #[error("longer than {most} bytes")]
    TooLong {
        /// Bytes that it may have.
        most: usize,
    },
    /// No JSON object.
    #[error("not a JSON object ({reason})")]
    NotJson {
        /// What it is, or where it breaks off.
        reason: String,
    },
    /// A key that means nothing.
    #[error("unknown key `{key}`{}", meaning(meant.as_ref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// The known key that is like it.
        meant: Option<&'static str>,
    },
    /// A key that stands there twice.
    #[error("key `{key}` stands there twice")]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// A key that has to be there.
    #[error("field `{field}` is missing: {why}")]
    Missing {
        /// The key.
        field: &'static str,
        /// What it is needed for.
        why: &'static str,
    },
    /// A value of another kind.
    #[error("field `{field}` should be {expected}, found {found}")]
    Field {
        /// The key, with its place where it is within another.
        field: String,
        /// What should stand there.
        expected: String,
        /// What does.
        found: String,
    },
    /// A key that the check has no use for.
    #[error("field `{field}` is of no use to the check `{check}`")]
    Unused {
        /// The key.
        field: &'static str,
        /// The check.
        check: &'static str,
    },
    /// No check has this name.
    #[error("field `check`: no check is named `{found}`{}; there are {}", meaning(meant.as_ref()), known.join(", "))]
    UnknownCheck {
        /// The name.
        found: String,
        /// The known name that is like it.
        meant: Option<&'static str>,
        /// The names that there are.
        known: &'static [&'static str],
    },
    /// A pattern that is no regular expression, or too large a one.
    #[error("field `expected`: {reason}")]
    Regex {
        /// What is wrong with it.
        reason: String,
    },
    /// A schema that is none.
    #[error("field `schema`: {reason}")]
    Schema {
        /// What is wrong with it.
        reason: String,
    },
    /// A picture that cannot be shown.
    #[error("field `images`: {reason}")]
    Picture {
        /// Which, and why not.
        reason: String,
    },
    /// A question that was there before.
    #[error("field `id`: `{id}` was on line {line} before")]
    IdTwice {
        /// The id.
        id: String,
        /// The line before.
        line: usize,
    },
    /// A question without an id of its own, equal to one before.
    #[error("the same question was on line {line} before; an `id` on one of them tells them apart")]
    SameQuestion {
        /// The line before.
        line: usize,
    },
    /// One question more than a file may hold.
    #[error("more than {most} questions")]
    TooMany {
        /// Questions that a file may hold.
        most: usize,
    },
    /// Pictures that would not fit the memory.
    #[error("field `images`: with this one the pictures take more than {most} bytes")]
    TooManyPictures {
        /// Bytes that all may take.
        most: usize,
    },
}

impl Flaw {
    fn is_repeat(&self) -> bool {
        matches!(self, Flaw::SameQuestion { .. })
    }

    /// A value of another kind than `field` should have.
    pub(crate) fn field(field: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> Flaw {
        Flaw::Field { field: field.into(), expected: expected.into(), found: found.into() }
    }
}

fn meaning(meant: Option<&&'static str>) -> String {
    meant.map_or_else(String::new, |meant| format!(" (did you mean `{meant}`?)"))
}

fn told(file: &str, faults: &[Fault]) -> String {
    let repeats: Vec<&Fault> = faults.iter().filter(|fault| fault.flaw.is_repeat()).collect();
    // One says of which line it is a repeat; of many it is the remedy that counts.
    let folded = repeats.len() > 1;
    let others: Vec<&Fault> = faults.iter().filter(|fault| !folded || !fault.flaw.is_repeat()).collect();
    let lines = others.iter().take(TOLD).map(|fault| format!("`{file}`, {fault}"));
    let more = others.len().saturating_sub(TOLD);
    let rest = (more > 0).then(|| format!("and {more} more malformed line{}", if more == 1 { "" } else { "s" }));
    let repeated = folded.then(|| {
        let lines: Vec<String> = repeats.iter().take(TOLD_REPEATS).map(|fault| fault.line.to_string()).collect();
        let more = if repeats.len() > TOLD_REPEATS { ", …" } else { "" };
        let (n, lines) = (repeats.len(), lines.join(", "));
        format!("`{file}`: {n} lines repeat a question of an earlier line (lines {lines}{more}); give each an `id`")
    });
    lines.chain(rest).chain(repeated).collect::<Vec<_>>().join("\n")
}

impl QuestionsError {
    /// Whether all that is wrong is that questions without an id are equal.
    pub fn is_of_repeats(&self) -> bool {
        matches!(self, QuestionsError::Lines { faults, .. } if faults.iter().all(|fault| fault.flaw.is_repeat()))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.flaw)
    }
}

/// The one of `known` that `found` was most likely meant for.
pub(crate) fn did_you_mean(found: &str, known: &[&'static str]) -> Option<&'static str> {
    plimsoll_catalog::nearest(found, known.iter().copied())
}
