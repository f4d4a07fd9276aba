//! Mistakes that no library's error tells of, with what to do about them.

/// What is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    message: String,
    /// What to do; `failure` prints it behind `hint:`.
    pub hint: String,
}

impl Mistake {
    /// A mistake as an error of this program.
    pub fn error(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        Mistake { message: message.into(), hint: hint.into() }.into()
    }
}
