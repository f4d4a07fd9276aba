//! One answer of a batch, between two steps.

use std::time::Instant;

use plimsoll_runtime::KvCache;

use super::pool::Prefix;
use super::{ChosenToken, Likelihood, Request, SequenceId};
use crate::sampler::SamplerError;
use crate::session::answer::Answer;
use crate::session::{Finish, Timings, likeliest_tokens, log_probability};
use crate::tokenizer::Tokenizer;
use crate::vision::PromptToken;

/// What a sequence needs next.
pub(super) enum State {
    /// The rest of `tokens` is to be read.
    Reading,
    /// This token is to be appended.
    Decoding(u32),
}

/// A request that was let in.
pub(super) struct Sequence {
    pub id: SequenceId,
    pub request: Request,
    /// What has to be read before the next token is chosen: the prompt, or prompt and answer where keys were forgotten.
    pub tokens: Vec<PromptToken>,
    /// The tokens read, which `cache` begins with.
    pub cached: Vec<PromptToken>,
    pub cache: KvCache,
    pub answer: Answer,
    pub state: State,
    /// Positions that it may need.
    pub reserved: usize,
    /// Positions that its memory was filled to.
    pub filled: usize,
    pub started: Instant,
    pub timings: Timings,
}

impl Sequence {
    pub fn new(
        id: SequenceId,
        request: Request,
        tokens: Vec<PromptToken>,
        answer: Answer,
        prefix: Prefix,
        reserved: usize,
    ) -> Sequence {
        let Prefix { cache, cached } = prefix;
        let timings = Timings { prompt_tokens: tokens.len(), reused_tokens: cached.len(), ..Timings::default() };
        let (state, filled, started) = (State::Reading, cached.len(), Instant::now());
        Sequence { id, request, tokens, cached, cache, answer, state, reserved, filled, started, timings }
    }

    /// Has the cache's keys turned for the length that the sequence has now. Where they cannot stay, prompt and answer are
    /// to be read again.
    pub fn turn_keys(&mut self) {
        if let State::Decoding(_) = self.state
            && !self.cache.expect(self.answer.length())
        {
            self.cached.clear();
            let answered = self.answer.tokens().iter().map(|id| (*id, None));
            self.tokens.truncate(self.request.ids.len());
            self.tokens.extend(answered);
            self.state = State::Reading;
        }
    }

    /// The cache, and the token to append to it; of a sequence that is decoding.
    pub fn next_input(&mut self) -> (&mut KvCache, u32) {
        let token = match self.state {
            State::Decoding(token) => token,
            State::Reading => unreachable!("asked of sequences that are decoding"),
        };
        (&mut self.cache, token)
    }

    /// Takes the next token by `logits`, and why nothing comes after it.
    ///
    /// # Errors
    /// As [`Answer::next`].
    pub fn choose(
        &mut self,
        logits: &[f32],
        tokenizer: &Tokenizer,
        eos_ids: &[u32],
    ) -> Result<(Option<ChosenToken>, Option<Finish>), SamplerError> {
        if self.answer.tokens().is_empty() {
            self.timings.prefill = self.started.elapsed();
        }
        self.filled = self.filled.max(self.cache.len());
        let step = self.answer.next(logits, tokenizer, eos_ids)?;
        if self.timings.first_token.is_zero() {
            self.timings.first_token = self.started.elapsed();
        }
        let Some(id) = step.token else { return Ok((None, step.finish)) };
        self.state = State::Decoding(id);
        let likelihood = self.request.likelihoods.map(|n| likelihood(logits, id, n)).transpose()?;
        Ok((Some(ChosenToken { id, text: step.text, likelihood }), step.finish))
    }
}

fn likelihood(logits: &[f32], id: u32, n: usize) -> Result<Likelihood, SamplerError> {
    Ok(Likelihood { log_probability: log_probability(logits, id)?, likeliest: likeliest_tokens(logits, n)? })
}
