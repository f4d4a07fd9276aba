//! What an answer is: text, or JSON.

use serde_json::Value;

use crate::error::ApiError;

/// What an answer has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Any text.
    Text,
    /// Any JSON object.
    Json,
    /// JSON of this schema.
    Schema(Value),
}

impl Format {
    /// Checks that an answer can be held to it: here a constraint would be made of it. The error names OpenAI's field.
    ///
    /// # Errors
    /// The answer would have to be constrained.
    pub fn promised(&self) -> Result<(), ApiError> {
        match self {
            Format::Text => Ok(()),
            Format::Json | Format::Schema(_) => {
                let what = "the answer can only be text here: answers cannot be constrained yet";
                Err(ApiError::bad("response_format", what))
            }
        }
    }
}
