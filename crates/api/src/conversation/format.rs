//! What an answer is: text, or JSON.

use serde_json::Value;

/// What an answer has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Format {
    /// Any text.
    Text,
    /// Any JSON object.
    Json,
    /// JSON of this schema.
    Schema {
        /// The schema.
        schema: Value,
        /// Where the request has it.
        place: String,
    },
}
