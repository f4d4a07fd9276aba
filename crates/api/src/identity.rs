//! What every part of an answer says of it: its name, since when, by which model.

use serde_json::{Value, json};

use crate::error::ApiError;

/// What has to be the same for an answer to be: the program's version.
const FINGERPRINT: &str = concat!("plimsoll-", env!("CARGO_PKG_VERSION"));

/// An answer's name and whose it is.
pub struct Identity {
    id: String,
    /// Seconds of Unix time.
    created: i64,
    model: String,
}

impl Identity {
    /// Of an answer by `model` that begins now; `kind` begins its name.
    ///
    /// # Errors
    /// The system gives no number that nobody can guess.
    pub fn now(kind: &str, model: &str) -> Result<Identity, ApiError> {
        let created = jiff::Timestamp::now().as_second();
        Ok(Identity { id: format!("{kind}-{:016x}", random()?), created, model: model.to_owned() })
    }

    /// A part of the answer, or all of it.
    pub fn object(&self, kind: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        })
    }
}

/// A number that nobody can guess.
///
/// # Errors
/// The system gives none.
pub fn random() -> Result<u64, ApiError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(|error| ApiError::internal(format!("no random bytes: {error}")))?;
    Ok(u64::from_le_bytes(bytes))
}
