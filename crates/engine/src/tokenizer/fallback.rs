//! What text becomes that is no token.

use super::TokenizerError;

/// The tokens of single bytes, and the one for what has none.
#[derive(Debug, Clone)]
pub(super) struct Fallback {
    bytes: Box<[Option<u32>; 256]>,
    unknown: Option<u32>,
}

impl Fallback {
    pub fn new(bytes: Box<[Option<u32>; 256]>, unknown: Option<u32>) -> Self {
        Self { bytes, unknown }
    }

    /// The token of a byte.
    pub fn byte(&self, byte: u8) -> Option<u32> {
        self.bytes[usize::from(byte)]
    }

    /// Appends the tokens of `piece`, which stands in `text`.
    pub fn encode(&self, piece: &[u8], text: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let bytes: Option<Vec<u32>> = piece.iter().map(|byte| self.byte(*byte)).collect();
        match (bytes, self.unknown) {
            (Some(bytes), _) => out.extend(bytes),
            (None, Some(unknown)) => out.push(unknown),
            (None, None) => return Err(TokenizerError::Unencodable { text: text.to_owned() }),
        }
        Ok(())
    }
}
