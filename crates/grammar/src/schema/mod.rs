//! JSON schemas, as far as a mask can enforce them to the letter.
//!
//! Read is what JSON Schema 2020-12 has, and what drafts 4 to 2019-09 have alike. A keyword that would be left out of
//! account is refused by name; what says nothing of validity (`title`, `default`) is left out.

mod formats;
mod keywords;
mod members;
mod pattern;
mod walk;

use serde_json::Value;

pub use members::Member;

/// A schema whose every keyword is enforced.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Value);

/// What of a schema cannot be enforced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaError {
    /// Where, as `properties.x.pattern`; empty for the schema itself.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Schema {
    /// Takes a schema.
    ///
    /// # Errors
    /// A keyword is not enforced here, unknown, or of another kind than it has to be.
    pub fn read(schema: &Value) -> Result<Schema, SchemaError> {
        walk::checked(schema).map(Schema)
    }

    /// Any object.
    pub fn object() -> Schema {
        Schema(serde_json::json!({ "type": "object" }))
    }

    /// With what says nothing of validity left out.
    pub fn as_json(&self) -> &Value {
        &self.0
    }
}
