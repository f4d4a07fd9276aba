//! Token after token until something ends the answer.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plimsoll_runtime::{BATCH_TOKENS, EmbeddingOverride, Input};

use super::{Session, SessionError};
use crate::sampler::{Sampler, SamplingParams};
use crate::stream::{Chunk, TextStream};
use crate::template::TemplateRequest;
use crate::vision::{Prompt, PromptToken};

/// How to answer.
#[derive(Debug, Clone, Default)]
pub struct GenerateOptions<'a> {
    /// How tokens are chosen; the default is greedy.
    pub sampling: SamplingParams,
    /// Tokens after which the answer ends; `None` lets it fill the context.
    pub max_tokens: Option<usize>,
    /// Tokens that prompt and answer may have together. A prompt of as many is refused, as the reference does.
    pub max_length: Option<usize>,
    /// Texts that end the answer and are no part of it.
    pub stops: Vec<String>,
    /// Whether tokens that end an answer are taken like any other, to measure or to compare.
    pub ignore_eos: bool,
    /// Ends the answer as soon as it is set, from another thread or a signal.
    pub interrupt: Option<&'a AtomicBool>,
}

impl GenerateOptions<'_> {
    fn interrupted(&self) -> bool {
        self.interrupt.is_some_and(|flag| flag.load(Ordering::Relaxed))
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it, or a stop text appeared.
    Stop,
    /// It has as many tokens as were allowed.
    Length,
    /// The context is full.
    ContextFull,
    /// Somebody wanted no more.
    Interrupted,
}

/// Where the time of an answer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Those of them that the cache held already.
    pub reused_tokens: usize,
    /// From the call to the logits of the prompt's last token.
    pub prefill: Duration,
    /// From the call to the first token chosen.
    pub first_token: Duration,
    /// From the first token chosen to the end, choosing and streaming included.
    pub decode: Duration,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Its text, all that was streamed: control tokens, and what ended it, left out.
    pub text: String,
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
    /// How long it took.
    pub timings: Timings,
}

impl Session {
    /// Continues `prompt`; `on_text` gets each piece of text as soon as it is certain, and may end the answer.
    ///
    /// # Errors
    /// The prompt is empty, too long, or holds unknown tokens; a sampling parameter is out of range; the logits are
    /// no numbers. What has been streamed before an error stands.
    pub fn generate<'p>(
        &mut self,
        prompt: impl Into<Prompt<'p>>,
        options: &GenerateOptions,
        on_text: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generation, SessionError> {
        let prompt = prompt.into();
        // A text that begins here begins without SentencePiece's space; a continued one keeps it.
        let begins = prompt.ids.last().is_some_and(|&id| self.tokenizer.is_control(id));
        self.answer(prompt, options, begins, on_text)
    }

    /// Answers a conversation: [`Session::chat_ids`] continued.
    ///
    /// # Errors
    /// As [`Session::chat_ids`] and [`Session::generate`].
    pub fn chat(
        &mut self,
        request: &TemplateRequest,
        options: &GenerateOptions,
        on_text: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generation, SessionError> {
        let prompt = self.chat_ids(request)?;
        self.answer((&prompt).into(), options, true, on_text)
    }

    fn answer(
        &mut self,
        prompt: Prompt,
        options: &GenerateOptions,
        begins: bool,
        on_text: impl FnMut(&str) -> ControlFlow<()>,
    ) -> Result<Generation, SessionError> {
        let started = Instant::now();
        let mut sampler = Sampler::new(options.sampling.clone(), prompt.ids)?;
        let strip = begins && self.tokenizer.strips_first_space();
        let mut output = Output { stream: TextStream::new(options.stops.clone()), text: String::new(), strip, on_text };
        let prompt_tokens = self.tokens(prompt)?;
        let n = prompt_tokens.len();
        if let Some(most) = options.max_length.filter(|most| n >= *most) {
            return Err(SessionError::PromptFillsLength { prompt: n, most });
        }
        let reused = self.reuse(&prompt_tokens, n)?;
        let mut timings = Timings { prompt_tokens: n, reused_tokens: reused, ..Timings::default() };
        let embeddings = self.image_embeddings(prompt);
        let input = Input::with_embeddings(prompt.ids, &embeddings);
        // All but the batch whose logits are wanted.
        let last = reused + (n - reused - 1) / BATCH_TOKENS * BATCH_TOKENS;
        let is_complete = self.append(input, &prompt_tokens, reused..last, || options.interrupted())?;
        let room = self.context() - n;
        let mut tokens = Vec::new();
        let finish = loop {
            if !is_complete || options.interrupted() {
                break Finish::Interrupted;
            }
            let is_long = options.max_length.is_some_and(|max| n + tokens.len() >= max);
            if is_long || options.max_tokens.is_some_and(|max| tokens.len() >= max) {
                break Finish::Length;
            }
            if tokens.len() >= room {
                break Finish::ContextFull;
            }
            let next = match tokens.last() {
                None => {
                    let logits = self.program.step(&mut self.cache, input.part(last..n))?;
                    self.cached.extend_from_slice(&prompt_tokens[last..]);
                    timings.prefill = started.elapsed();
                    let first = sampler.next(logits)?;
                    timings.first_token = started.elapsed();
                    first
                }
                Some(&token) if self.cache.expect(n + tokens.len()) => {
                    sampler.next(self.program.decode(&mut [(&mut self.cache, token)])?)?
                }
                Some(_) => {
                    match self.compute_again(prompt, &prompt_tokens, &embeddings, &tokens, || options.interrupted())? {
                        Some(logits) => sampler.next(logits)?,
                        None => break Finish::Interrupted,
                    }
                }
            };
            if !options.ignore_eos && self.eos_ids.contains(&next) {
                break Finish::Stop;
            }
            tokens.push(next);
            let bytes = if self.tokenizer.is_control(next) { &[] } else { self.tokenizer.token_bytes(next) };
            if let ControlFlow::Break(finish) = output.push(bytes) {
                break finish;
            }
        };
        let finish = output.finish().unwrap_or(finish);
        timings.decode = started.elapsed().saturating_sub(timings.first_token);
        Ok(Generation { text: output.text, tokens, finish, timings })
    }

    /// The logits after `prompt`, of these `prompt_tokens`, and `answered` where the cache lost both, as an answer has outgrown
    /// the length that its keys were turned for; none if `stop` says so.
    fn compute_again(
        &mut self,
        prompt: Prompt,
        prompt_tokens: &[PromptToken],
        embeddings: &[EmbeddingOverride],
        answered: &[u32],
        stop: impl Fn() -> bool,
    ) -> Result<Option<&[f32]>, SessionError> {
        let ids: Vec<u32> = prompt.ids.iter().chain(answered).copied().collect();
        let answers = answered.iter().map(|id| (*id, None));
        let all: Vec<PromptToken> = prompt_tokens.iter().copied().chain(answers).collect();
        self.cached.clear();
        let input = Input::with_embeddings(&ids, embeddings);
        let last = (ids.len() - 1) / BATCH_TOKENS * BATCH_TOKENS;
        if !self.append(input, &all, 0..last, stop)? {
            return Ok(None);
        }
        let logits = self.program.step(&mut self.cache, input.part(last..ids.len()))?;
        self.cached.extend_from_slice(&all[last..]);
        Ok(Some(logits))
    }
}

/// The text of an answer on its way out.
struct Output<F> {
    stream: TextStream,
    text: String,
    strip: bool, // a space at the very beginning is still to be dropped
    on_text: F,
}

impl<F: FnMut(&str) -> ControlFlow<()>> Output<F> {
    fn push(&mut self, bytes: &[u8]) -> ControlFlow<Finish> {
        let bytes = if self.strip && !bytes.is_empty() {
            self.strip = false;
            bytes.strip_prefix(b" ").unwrap_or(bytes)
        } else {
            bytes
        };
        let chunk = self.stream.push(bytes);
        self.show(chunk)
    }

    /// Shows what was held back. A stop text may be complete only now that no more can follow.
    fn finish(&mut self) -> Option<Finish> {
        let chunk = self.stream.finish();
        match self.show(chunk) {
            ControlFlow::Break(Finish::Stop) => Some(Finish::Stop),
            _ => None,
        }
    }

    fn show(&mut self, chunk: Chunk) -> ControlFlow<Finish> {
        self.text.push_str(&chunk.text);
        if !chunk.text.is_empty() && (self.on_text)(&chunk.text).is_break() {
            return ControlFlow::Break(Finish::Interrupted);
        }
        if chunk.stopped { ControlFlow::Break(Finish::Stop) } else { ControlFlow::Continue(()) }
    }
}
