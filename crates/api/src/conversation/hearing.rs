//! How the answers to a conversation are heard.

use std::sync::Arc;

use plimsoll_engine::Tokenizer;
use plimsoll_engine::speech::Opening;

use crate::calls::{Known, Language, Reader};
use crate::error::ApiError;
use crate::identity::random;

/// What has to be known to hear an answer.
pub struct Hearing {
    /// The model's.
    pub tokenizer: Arc<Tokenizer>,
    language: Language,
    callable: Option<Arc<[Known]>>,
    opening: Opening,
    /// What the names of calls are drawn from.
    seed: u64,
}

impl Hearing {
    /// Of answers in `language`, which begin so; `callable` are the tools that may be called,
    /// where calls are looked for.
    ///
    /// # Errors
    /// The system gives no number that nobody can guess.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        language: Language,
        callable: Option<Arc<[Known]>>,
        opening: Opening,
    ) -> Result<Hearing, ApiError> {
        Ok(Hearing { tokenizer, language, callable, opening, seed: random()? })
    }

    /// What hears one of the answers.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.tokenizer), &self.language, self.callable.clone(), self.opening)
    }

    /// The name of call `index` of an answer.
    pub fn call_id(&self, choice: usize, index: usize) -> String {
        self.language.call_id(self.seed, choice << 32 | index)
    }
}
