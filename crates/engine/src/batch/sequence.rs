//! One answer of a batch, between two steps.

use std::time::Instant;

use plimsoll_runtime::KvCache;

use super::pool::Prefix;
use super::{Candidate, ChosenToken, Likelihood, Request, SequenceId};
use crate::session::answer::Answer;
use crate::session::{Finish, SessionError, Timings};
use crate::tokenizer::Tokenizer;
use crate::vision::PromptToken;

/// A request that was let in. It reads what is in `tokens` and not in `cached`, then appends the last token of the answer.
pub(super) struct Sequence {
    pub id: SequenceId,
    /// What was asked; where keys were forgotten its ids are those of prompt and answer.
    pub request: Request,
    /// What has to be read before the next token is chosen, as `request.ids`.
    pub tokens: Vec<PromptToken>,
    /// The tokens read, which `cache` begins with.
    pub cached: Vec<PromptToken>,
    pub cache: KvCache,
    pub answer: Answer,
    /// Positions that it may need, and those that its states take the place of.
    pub reserved: usize,
    /// Positions that its memory was filled to.
    pub filled: usize,
    pub started: Instant,
    pub timings: Timings,
}

/// A token that was chosen, unless it ended the answer and is no part of it.
pub(super) struct Chosen {
    pub token: Option<ChosenToken>,
    /// Why nothing comes after it.
    pub finish: Option<Finish>,
}

impl Sequence {
    pub fn new(id: SequenceId, candidate: Candidate, prefix: Prefix, reserved: usize) -> Sequence {
        let (Candidate { request, tokens, answer }, Prefix { cache, cached }) = (candidate, prefix);
        let timings = Timings { prompt_tokens: tokens.len(), reused_tokens: cached.len(), ..Timings::default() };
        let (filled, started) = (cached.len(), Instant::now());
        Sequence { id, request, tokens, cached, cache, answer, reserved, filled, started, timings }
    }

    /// Whether there is something to read before the next token.
    pub fn is_reading(&self) -> bool {
        self.cached.len() < self.tokens.len()
    }

    /// Has the cache's keys turned for the length that the sequence has now. Where they cannot stay, prompt and answer are
    /// to be read again.
    pub fn turn_keys(&mut self) {
        if !self.is_reading() && !self.cache.expect(self.answer.length()) {
            self.cached.clear();
            let answered = &self.answer.tokens()[self.tokens.len() - self.timings.prompt_tokens..];
            self.request.ids.extend(answered);
            self.tokens.extend(answered.iter().map(|id| (*id, None)));
        }
    }

    /// The cache, and the token to append to it, unless there is something to read before.
    pub fn next_input(&mut self) -> Option<(&mut KvCache, u32)> {
        let token = self.answer.tokens().last().filter(|_| !self.is_reading());
        token.copied().map(|token| (&mut self.cache, token))
    }

    /// Takes the next token by `logits`.
    ///
    /// # Errors
    /// As [`Answer::next`].
    pub fn choose(&mut self, logits: &[f32], tokenizer: &Tokenizer, eos_ids: &[u32]) -> Result<Chosen, SessionError> {
        let is_first = self.answer.tokens().is_empty();
        if is_first {
            self.timings.prefill = self.started.elapsed();
        }
        self.filled = self.filled.max(self.cache.len());
        let step = self.answer.next(logits, tokenizer, eos_ids)?;
        if is_first {
            self.timings.first_token = self.started.elapsed();
        }
        let Some(id) = step.token else { return Ok(Chosen { token: None, finish: step.finish }) };
        let likelihood = self.request.likelihoods.map(|n| Likelihood::of(logits, id, n)).transpose()?;
        let token = ChosenToken { id, text: step.text, likelihood };
        Ok(Chosen { token: Some(token), finish: step.finish.or_else(|| self.answer.limit()) })
    }
}
