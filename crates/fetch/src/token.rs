//! The secret with which a hub knows who asks.

use std::fmt;

/// A token of a hub. Neither `Debug` nor an error ever shows it; it is read in one place, where a request is made.
///
/// ```
/// let token = plimsoll_fetch::Token::new("hf_secret\n").unwrap();
/// assert_eq!(format!("{token:?} {token}"), "Token(hidden) (hidden)");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// What was given for a token cannot stand in a header. The text is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing, or blanks alone.
    #[error("the token is empty")]
    Empty,
    /// Something that is no visible ASCII: most likely another file.
    #[error("the token has characters that no token has")]
    Characters,
}

impl Token {
    /// The token in `text`, without the blanks and the newline around it that files end in.
    ///
    /// # Errors
    /// Nothing is there, or what cannot be sent.
    pub fn new(text: &str) -> Result<Token, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        Ok(Token(text.to_owned()))
    }

    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_token_is_refused_without_being_shown() {
        assert_eq!(Token::new(" \n"), Err(TokenError::Empty));
        for text in ["a b", "a\r\nHost: other", "é"] {
            let error = Token::new(text).unwrap_err();
            assert_eq!(error, TokenError::Characters);
            assert!(!error.to_string().contains(text));
        }
        assert_eq!(Token::new(" hf_x\r\n").unwrap().header(), "Bearer hf_x");
    }
}
