//! What can be wrong with a file, as types that name the file and the tensor or key.

use std::path::Path;

/// Characters of a foreign name that messages show.
pub const MAX_NAME: usize = 80;
/// Characters of a message that may quote foreign text.
const MAX_MESSAGE: usize = 400;

/// Foreign text as part of a message: its first `max` characters, control characters escaped.
pub fn one_line(text: &str, max: usize) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let shown: String = text.chars().take(max).map(escape).collect();
    if text.chars().nth(max).is_some() { shown + "…" } else { shown }
}

/// A file, tensor or key that cannot be honoured. `Display` is one line: what was found, where, what was expected.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The operating system refused.
    #[error("cannot {action} `{file}`: {source}")]
    Io {
        /// Path of the file.
        file: String,
        /// What was tried: "open", "list", "read".
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The path holds no model that can be opened.
    #[error("`{path}` holds no model: {found}")]
    NoModel {
        /// The path given.
        path: String,
        /// What lies there instead.
        found: String,
    },
    /// The file has a tokenizer and nothing else of a model.
    #[error("`{file}` holds no model: a vocabulary without weights")]
    VocabularyOnly {
        /// Path of the file.
        file: String,
    },
    /// The file is not what its name says, or its structure is broken.
    #[error("`{file}`: {what}")]
    Malformed {
        /// Path of the file.
        file: String,
        /// What was found, where, and what was expected.
        what: String,
    },
    /// The file ends before what it promises.
    #[error("`{file}` ends too early: {item} needs bytes up to {needs}, the file has {has}")]
    Truncated {
        /// Path of the file.
        file: String,
        /// The tensor, key or field that was cut.
        item: String,
        /// First byte offset past the item; saturates at `u64::MAX`.
        needs: u64,
        /// Length of the file in bytes.
        has: u64,
    },
    /// One tensor's description contradicts itself, its file or the hyperparameters.
    #[error("`{file}`, tensor `{tensor}`: {what}")]
    Tensor {
        /// Path of the file.
        file: String,
        /// Name of the tensor as the file spells it.
        tensor: String,
        /// What was found and what was expected.
        what: String,
    },
    /// Two tensors claim the same bytes.
    #[error("`{file}`: tensors `{first}` and `{second}` overlap")]
    Overlap {
        /// Path of the file.
        file: String,
        /// The tensor that starts first.
        first: String,
        /// The tensor that starts inside it.
        second: String,
    },
    /// A tensor that the model needs is not there.
    #[error("`{file}` has no tensor `{tensor}`")]
    MissingTensor {
        /// The checkpoint searched.
        file: String,
        /// Canonical name of the tensor.
        tensor: String,
    },
    /// A part of a sharded or split model is absent or points astray.
    #[error("`{file}` names the part `{part}`, {what}")]
    Part {
        /// The index, or the part that was given.
        file: String,
        /// The part in question.
        part: String,
        /// Why it cannot be used.
        what: String,
    },
    /// A vision tower that does not go with its text model, or of which there is more than one.
    #[error("`{model}` cannot see: {what}")]
    Vision {
        /// The text model.
        model: String,
        /// What was found, in which file, and what was expected.
        what: String,
    },
    /// The file's architecture is not known.
    #[error("`{file}` declares the architecture `{found}`; known are {known}")]
    UnknownArchitecture {
        /// Path of the file.
        file: String,
        /// The name it declares.
        found: String,
        /// The names that are known, in back-ticks.
        known: String,
    },
    /// A hyperparameter is missing, has the wrong type or asks for arithmetic that is not supported.
    #[error(transparent)]
    Hyperparam(#[from] HyperparamError),
}

/// A key of `config.json` or of the GGUF metadata that cannot be honoured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{file}`, key `{key}`: found {found}, expected {expected}")]
pub struct HyperparamError {
    /// Path of the file.
    pub file: String,
    /// The key as the file spells it.
    pub key: String,
    /// What is there ("nothing" if it is missing).
    pub found: String,
    /// What was expected.
    pub expected: String,
}

impl FormatError {
    /// The operating system refused `action` on the file at `path`.
    pub fn io(path: &Path, action: &'static str, source: std::io::Error) -> FormatError {
        FormatError::Io { file: path.display().to_string(), action, source }
    }

    /// The file is broken, as `what` says.
    pub fn malformed(file: &str, what: impl Into<String>) -> FormatError {
        FormatError::Malformed { file: file.to_owned(), what: one_line(&what.into(), MAX_MESSAGE) }
    }

    /// A tensor cannot be used, as `what` says.
    pub fn tensor(file: &str, tensor: &str, what: impl Into<String>) -> FormatError {
        FormatError::Tensor {
            file: file.to_owned(),
            tensor: one_line(tensor, MAX_NAME),
            what: one_line(&what.into(), MAX_MESSAGE),
        }
    }

    pub(crate) fn part(file: &str, part: &str, what: impl Into<String>) -> FormatError {
        FormatError::Part {
            file: file.to_owned(),
            part: one_line(part, MAX_NAME),
            what: one_line(&what.into(), MAX_MESSAGE),
        }
    }
}
