//! Token after token until something ends the answer.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plimsoll_grammar::Constraint;
use plimsoll_runtime::{BATCH_TOKENS, EmbeddingOverride, Input};

use super::answer::Answer;
use super::{Session, SessionError};
use crate::Tokenizer;
use crate::sampler::SamplingParams;
use crate::speech::{Speech, Spelled};
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
    /// What the answer may be; where nothing more may come, a token that ends it does.
    pub constraint: Option<Constraint>,
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
    /// Its text, all that was streamed: control tokens, and what ended it, left out. What only control tokens show to be
    /// thinking stands between `<think>` and `</think>`.
    pub text: String,
    /// Its two parts, where control tokens tell them apart.
    pub parted: Option<Parted>,
    /// Its tokens, without the one that ended it.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
    /// How long it took.
    pub timings: Timings,
}

/// An answer in its two parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parted {
    /// What the model thought.
    pub thought: String,
    /// What it said.
    pub content: String,
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
        let prompt_tokens = self.tokens(prompt)?;
        let n = prompt_tokens.len();
        let strip = begins && self.tokenizer.strips_first_space();
        let mut answer = Answer::new(options, prompt.ids, self.context(), strip)?;
        let spelled = self.hidden.map(|form| {
            let opening = form.opening(&self.tokenizer, prompt.ids);
            Spelled::new(Speech::new(form, opening, strip))
        });
        let mut shown = Shown { text: String::new(), spelled, is_over: false, on_text };
        let reused = self.reuse(&prompt_tokens, n)?;
        let mut timings = Timings { prompt_tokens: n, reused_tokens: reused, ..Timings::default() };
        let embeddings = self.image_embeddings(prompt);
        let input = Input::with_embeddings(prompt.ids, &embeddings);
        // All but the batch whose logits are wanted.
        let last = self.program.pieces(input, reused..n, BATCH_TOKENS).last().map_or(reused, |last| last.start);
        let is_complete = self.append(input, &prompt_tokens, reused..last, || options.interrupted())?;
        let mut recomputed;
        let finish = loop {
            if !is_complete || options.interrupted() {
                break Finish::Interrupted;
            }
            if let Some(finish) = answer.limit() {
                break finish;
            }
            let logits = match answer.tokens().last() {
                None => {
                    let logits = self.program.step(&mut self.cache, input.part(last..n))?;
                    self.cached.extend_from_slice(&prompt_tokens[last..]);
                    timings.prefill = started.elapsed();
                    logits
                }
                Some(&token) if self.cache.expect(answer.length()) => {
                    self.program.decode(&mut [(&mut self.cache, token)])?
                }
                Some(_) => {
                    let stop = || options.interrupted();
                    match self.compute_again(prompt, &prompt_tokens, &embeddings, answer.tokens(), stop)? {
                        Some(logits) => {
                            recomputed = logits;
                            &recomputed
                        }
                        None => break Finish::Interrupted,
                    }
                }
            };
            let is_first = answer.tokens().is_empty();
            let step = answer.next(logits, &self.tokenizer, &self.eos_ids)?;
            if is_first {
                timings.first_token = started.elapsed();
            }
            if shown.token(&self.tokenizer, step.token, step.text).is_break() {
                break Finish::Interrupted;
            }
            if let Some(finish) = step.finish {
                break finish;
            }
        };
        let held = answer.finish();
        let is_stopped = shown.end(held.text).is_continue() && held.stopped;
        let finish = if is_stopped { Finish::Stop } else { finish };
        timings.decode = started.elapsed().saturating_sub(timings.first_token);
        let parted = shown.spelled.map(|spelled| spelled.parted);
        Ok(Generation { text: shown.text, parted, tokens: answer.into_tokens(), finish, timings })
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
    ) -> Result<Option<Vec<f32>>, SessionError> {
        let ids: Vec<u32> = prompt.ids.iter().chain(answered).copied().collect();
        let answers = answered.iter().map(|id| (*id, None));
        let all: Vec<PromptToken> = prompt_tokens.iter().copied().chain(answers).collect();
        self.cached.clear();
        let input = Input::with_embeddings(&ids, embeddings).of_prompt(prompt.ids.len());
        let last = self.program.pieces(input, 0..ids.len(), BATCH_TOKENS).last().map_or(0, |last| last.start);
        if !self.append(input, &all, 0..last, stop)? {
            return Ok(None);
        }
        let logits = self.program.step(&mut self.cache, input.part(last..ids.len()))?.to_vec();
        self.cached.extend_from_slice(&all[last..]);
        Ok(Some(logits))
    }
}

/// The text of an answer on its way out.
struct Shown<F> {
    text: String,
    spelled: Option<Spelled>,
    /// Whether whoever hears it wants no more.
    is_over: bool,
    on_text: F,
}

impl<F: FnMut(&str) -> ControlFlow<()>> Shown<F> {
    /// A token, if there was another, with what text was certain then.
    fn token(&mut self, tokenizer: &Tokenizer, token: Option<u32>, released: String) -> ControlFlow<()> {
        let text = match (&mut self.spelled, token) {
            (Some(spelled), Some(token)) => spelled.token(tokenizer, token, &released),
            _ => released,
        };
        self.show(&text)
    }

    /// The end, with the last of the text.
    fn end(&mut self, released: String) -> ControlFlow<()> {
        if self.is_over {
            return ControlFlow::Break(());
        }
        let text = match &mut self.spelled {
            Some(spelled) => spelled.end(&released),
            None => released,
        };
        self.show(&text)
    }

    fn show(&mut self, text: &str) -> ControlFlow<()> {
        self.text.push_str(text);
        let shown = if text.is_empty() { ControlFlow::Continue(()) } else { (self.on_text)(text) };
        self.is_over = shown.is_break();
        shown
    }
}
