//! The tokenizers crate, driven stage by stage so that control tokens are parsed only where they may be.

use tokenizers::{AddedVocabulary, Model, OffsetType, PreTokenizer};

use super::TokenizerError;
use crate::foreign;
use crate::template::GuardedText;

/// A tokenizer of the tokenizers crate and its added tokens twice: all of them, and without the control tokens.
#[derive(Debug, Clone)]
pub(super) struct Pipeline {
    tokenizer: tokenizers::Tokenizer,
    without_controls: AddedVocabulary,
}

impl Pipeline {
    pub fn new(tokenizer: tokenizers::Tokenizer) -> Self {
        let mut without_controls = tokenizer.get_added_vocabulary().clone();
        without_controls.set_encode_special_tokens(true);
        Self { tokenizer, without_controls }
    }

    /// The tokens of text in which control tokens are only text.
    pub fn encode_text(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.encode(text, &self.without_controls, |c| c)
    }

    /// The tokens of a prompt in which control tokens count, save where a stand-in hides them.
    pub fn encode_guarded(&self, text: &GuardedText) -> Result<Vec<u32>, TokenizerError> {
        self.encode(text.marked(), self.tokenizer.get_added_vocabulary(), |c| text.restore(c))
    }

    /// Splits at added tokens, restores stand-ins, then normalises, cuts into words and merges as the crate's own
    /// `encode` does. Truncation and padding, which a `tokenizer.json` may ask for, have no place here.
    fn encode(
        &self,
        text: &str,
        added: &AddedVocabulary,
        restore: impl Fn(char) -> char,
    ) -> Result<Vec<u32>, TokenizerError> {
        guarded(|| {
            let mut pieces = added.extract_and_normalize(self.tokenizer.get_normalizer(), text);
            pieces.normalize(|piece| {
                piece.map(&restore);
                Ok(())
            })?;
            if let Some(pre_tokenizer) = self.tokenizer.get_pre_tokenizer() {
                pre_tokenizer.pre_tokenize(&mut pieces)?;
            }
            pieces.tokenize(|piece| self.tokenizer.get_model().tokenize(piece.get()))?;
            Ok(pieces.into_encoding(None, 0, OffsetType::None)?.get_ids().to_vec())
        })
    }
}

/// Runs the crate's code on foreign data: both its errors and its panics (it unwraps what a strange file or an
/// expression without end makes fail) come back as an error.
pub(super) fn guarded<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, TokenizerError> {
    match foreign::catch(run) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(TokenizerError::Backend { reason: error.to_string() }),
        Err(foreign::Panicked) => {
            Err(TokenizerError::Backend { reason: "it gave up on an expression or a table of this file".into() })
        }
    }
}
