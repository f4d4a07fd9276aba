//! An answer in the making: what chooses its tokens, which of its text may be shown, what ends it.

use plimsoll_grammar::Constraint;

use super::{Finish, GenerateOptions, SessionError};
use crate::sampler::Sampler;
use crate::stream::{Chunk, TextStream};
use crate::tokenizer::Tokenizer;

/// The state of one answer between two logits.
pub(crate) struct Answer {
    sampler: Sampler,
    constraint: Option<Constraint>,
    stream: TextStream,
    tokens: Vec<u32>,
    strip: bool, // a space at the very beginning is still to be dropped
    n_prompt: usize,
    max_tokens: Option<usize>,
    max_length: Option<usize>,
    room: usize, // tokens that the context has for the answer
    ignore_eos: bool,
}

/// What a token added.
pub(crate) struct Step {
    /// The token, if it is part of the answer: one that ends it is not.
    pub token: Option<u32>,
    /// Text that is certain now.
    pub text: String,
    /// Why nothing comes after it.
    pub finish: Option<Finish>,
}

impl Answer {
    /// Begins an answer to `prompt` in a context of `context` tokens; `strip` drops the space that SentencePiece begins a
    /// text with.
    ///
    /// # Errors
    /// A sampling parameter is out of range, or the prompt is as long as both may be together.
    pub fn new(options: &GenerateOptions, prompt: &[u32], context: usize, strip: bool) -> Result<Answer, SessionError> {
        let n_prompt = prompt.len();
        let sampler = Sampler::new(options.sampling.clone(), prompt)?;
        if let Some(most) = options.max_length.filter(|most| n_prompt >= *most) {
            return Err(SessionError::PromptFillsLength { prompt: n_prompt, most });
        }
        Ok(Answer {
            sampler,
            constraint: options.constraint.clone(),
            stream: TextStream::new(options.stops.clone()),
            tokens: Vec::new(),
            strip,
            n_prompt,
            max_tokens: options.max_tokens,
            max_length: options.max_length,
            room: context.saturating_sub(n_prompt),
            ignore_eos: options.ignore_eos,
        })
    }

    /// Its tokens so far.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Tokens of prompt and answer.
    pub fn length(&self) -> usize {
        self.n_prompt + self.tokens.len()
    }

    /// Tokens that prompt and answer may come to have.
    pub fn longest(&self) -> usize {
        let of_answer = self.max_tokens.unwrap_or(self.room).min(self.room);
        let both = self.n_prompt + of_answer;
        self.max_length.map_or(both, |most| both.min(most))
    }

    /// Why there may be no further token, if so.
    pub fn limit(&self) -> Option<Finish> {
        let n = self.tokens.len();
        if self.max_length.is_some_and(|most| self.length() >= most) || self.max_tokens.is_some_and(|most| n >= most) {
            Some(Finish::Length)
        } else {
            (n >= self.room).then_some(Finish::ContextFull)
        }
    }

    /// Chooses the next token by `logits` (vocab_size,); `eos_ids` end the answer.
    ///
    /// # Errors
    /// As [`Sampler::next_within`] and [`Constraint::mask`].
    pub fn next(&mut self, logits: &[f32], tokenizer: &Tokenizer, eos_ids: &[u32]) -> Result<Step, SessionError> {
        let mask = self.constraint.as_mut().map(Constraint::mask).transpose()?;
        let token = self.sampler.next_within(logits, mask.as_ref())?;
        if !self.ignore_eos && eos_ids.contains(&token) {
            return Ok(Step { token: None, text: String::new(), finish: Some(Finish::Stop) });
        }
        if let Some(constraint) = &mut self.constraint {
            constraint.accept(token)?;
        }
        self.tokens.push(token);
        let mut bytes = if tokenizer.is_control(token) { &[] } else { tokenizer.token_bytes(token) };
        if self.strip && !bytes.is_empty() {
            self.strip = false;
            bytes = bytes.strip_prefix(b" ").unwrap_or(bytes);
        }
        let Chunk { text, stopped } = self.stream.push(bytes);
        Ok(Step { token: Some(token), text, finish: stopped.then_some(Finish::Stop) })
    }

    /// The text that was held back. A stop text may be complete only now that no more can follow.
    pub fn finish(&mut self) -> Chunk {
        self.stream.finish()
    }

    /// All its tokens.
    pub fn into_tokens(self) -> Vec<u32> {
        self.tokens
    }
}
