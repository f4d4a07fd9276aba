//! What constrains answers, over a tokenizer's vocabulary.

use plimsoll_grammar::{ConstraintError, Grammars, Token};

use crate::tokenizer::Tokenizer;

/// Makes constraints for a model with logits for `vocab_size` tokens, of which `eos_ids` end an answer.
///
/// # Errors
/// None does.
pub fn grammars(tokenizer: &Tokenizer, vocab_size: usize, eos_ids: &[u32]) -> Result<Grammars, ConstraintError> {
    let ids = 0..vocab_size as u32;
    let token = |id| Token { bytes: tokenizer.token_bytes(id), is_control: tokenizer.is_control(id) };
    Grammars::new(ids.map(token), eos_ids)
}
