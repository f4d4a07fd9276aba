//! What can be wrong with a catalogue.

use std::path::Path;

/// A card or a licence that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The operating system refused.
    #[error("cannot read `{file}`: {source}")]
    Io {
        /// Path of the file or folder.
        file: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file is no TOML, or not the TOML of a card.
    #[error("`{file}`: {what}")]
    Malformed {
        /// Path of the file.
        file: String,
        /// What was found.
        what: String,
    },
    /// One key of a card or a licence.
    #[error("`{file}`, key `{key}`: {what}")]
    Key {
        /// Path of the file.
        file: String,
        /// The key, with those above it.
        key: String,
        /// What was found and what was expected.
        what: String,
    },
}

impl CatalogError {
    pub(crate) fn io(file: &Path, source: std::io::Error) -> CatalogError {
        CatalogError::Io { file: file.display().to_string(), source }
    }

    pub(crate) fn key(file: &str, key: &str, what: impl Into<String>) -> CatalogError {
        CatalogError::Key { file: file.to_owned(), key: key.to_owned(), what: what.into() }
    }
}
