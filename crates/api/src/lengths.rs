//! Texts that no context holds, known by their bytes: to read tens of megabytes as tokens takes minutes, in which the model's
//! thread would answer nobody.

use plimsoll_engine::Tokenizer;
use serde_json::Value;

use crate::conversation::Told;
use crate::error::ApiError;
use crate::served::Served;

/// Bytes of the longest token of a vocabulary.
pub fn longest_token(tokenizer: &Tokenizer) -> usize {
    (0..tokenizer.vocab_size() as u32).map(|id| tokenizer.token_bytes(id).len()).max().unwrap_or(0)
}

impl Served {
    /// Checks that a text of so many bytes may fit, whatever its tokens are.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check_bytes(&self, bytes: usize) -> Result<(), ApiError> {
        let most = self.context.saturating_mul(self.longest_token);
        match bytes > most {
            true => Err(ApiError::too_long(format!(
                "the prompt has {bytes} bytes, but the context holds {} tokens, which are no more than {most} bytes",
                self.context
            ))),
            false => Ok(()),
        }
    }
}

impl Told {
    /// Checks that what the messages say may fit.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check_bytes(&self, served: &Served) -> Result<(), ApiError> {
        let messages = self.template.messages.as_array().map_or(&[][..], Vec::as_slice);
        served.check_bytes(messages.iter().map(said).sum())
    }
}

/// Bytes of what a message says.
fn said(message: &Value) -> usize {
    match &message["content"] {
        Value::String(text) => text.len(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).map(str::len).sum(),
        _ => 0,
    }
}
