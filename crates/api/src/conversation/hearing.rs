//! How the answers to a conversation are heard.

use std::sync::Arc;

use plimsoll_engine::Tokenizer;

use super::tools::Callable;
use crate::calls::{Language, Reader};
use crate::error::ApiError;
use crate::identity::random;

/// What has to be known to hear an answer.
pub struct Hearing {
    /// The model's.
    pub tokenizer: Arc<Tokenizer>,
    language: Language,
    callable: Option<Callable>,
    is_thinking: bool,
    /// What the names of calls are drawn from.
    seed: u64,
}

impl Hearing {
    /// Of answers in `language`, which begin within thinking if `is_thinking`; `callable` is what may be called,
    /// where calls are looked for.
    ///
    /// # Errors
    /// The system gives no number that nobody can guess.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        language: Language,
        callable: Option<Callable>,
        is_thinking: bool,
    ) -> Result<Hearing, ApiError> {
        Ok(Hearing { tokenizer, language, callable, is_thinking, seed: random()? })
    }

    /// What hears one of the answers.
    pub fn reader(&self) -> Reader {
        let names = self.callable.as_ref().map(|callable| callable.names.clone());
        let reader = Reader::new(Arc::clone(&self.tokenizer), &self.language, names, self.is_thinking);
        if self.callable.as_ref().is_some_and(|callable| callable.once) { reader.calling_once() } else { reader }
    }

    /// The name of call `index` of an answer.
    pub fn call_id(&self, choice: usize, index: usize) -> String {
        self.language.call_id(self.seed, choice << 32 | index)
    }
}
