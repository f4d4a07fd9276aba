//! What is wrong with a benchmark's file.

use std::io;

use crate::language_model::AnswerError;
use crate::mmlu::MmluError;

/// Why a file is not a benchmark's.
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// It cannot be read.
    #[error("`{file}` cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// Why not.
        source: io::Error,
    },
    /// It is no table of its kind.
    #[error("`{file}`, {place}: {reason}")]
    Table {
        /// The file.
        file: String,
        /// Which row or line, or that it is all of it.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A field is not as published.
    #[error("`{file}`, row {row}: {flaw}")]
    Field {
        /// The file.
        file: String,
        /// The row, from 1.
        row: usize,
        /// What is wrong.
        flaw: FieldFlaw,
    },
    /// Its pictures would not fit the memory.
    #[error("`{file}`, row {row}: the pictures up to this one take more than {most} bytes")]
    Pictures {
        /// The file.
        file: String,
        /// The row, from 1.
        row: usize,
        /// Bytes that all may take.
        most: usize,
    },
    /// No question.
    #[error("`{file}` holds no questions of {benchmark}")]
    Empty {
        /// The file.
        file: String,
        /// The benchmark.
        benchmark: &'static str,
    },
    /// Fewer examples than are to be shown.
    #[error("`{file}` holds {found} examples of {benchmark}, and {wanted} are to be shown")]
    Examples {
        /// The file.
        file: String,
        /// The benchmark.
        benchmark: &'static str,
        /// How many are to be shown.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// MMLU's folder is not as published.
    #[error(transparent)]
    Mmlu(#[from] MmluError),
    /// There was no verdict on a published solution.
    #[error("item `{item}` could not be judged: {source}")]
    Judge {
        /// The item.
        item: String,
        /// What failed.
        source: AnswerError,
    },
    /// A published solution fails its own tests, or an empty program passes them.
    #[error(
        "the canary `{item}` failed: {}; the run is broken, which says nothing of the model",
        if *passes { "its own solution fails its tests" } else { "an empty program passes its tests" }
    )]
    Canary {
        /// The item.
        item: String,
        /// Whether the program should have passed.
        passes: bool,
    },
}

/// A field that is not as published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` should be {expected}, found {found}")]
pub struct FieldFlaw {
    /// The field.
    pub field: String,
    /// What should stand there.
    pub expected: String,
    /// What does.
    pub found: String,
}

impl FieldFlaw {
    pub(super) fn new(field: &str, expected: impl Into<String>, found: impl Into<String>) -> FieldFlaw {
        FieldFlaw { field: field.to_owned(), expected: expected.into(), found: found.into() }
    }
}
