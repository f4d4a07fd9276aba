//! Several answers at once from one program.
//!
//! A [`Batch`] is stepped by whoever owns it: each step appends a token to every answer in the making, then a piece of one
//! prompt that waits, so that a long prompt holds up its neighbours for the time of a piece and no longer. An answer is
//! the same, to the last bit of its logits, whatever else is in the batch, in whatever pieces its prompt was read, and
//! whether its beginning was cached or not.

mod pool;
mod sequence;

use std::time::{Duration, Instant};

use plimsoll_runtime::{BATCH_TOKENS, CacheType, Input, StepError};

use crate::session::answer::Answer;
use crate::session::{Finish, GenerateOptions, Session, SessionError, Timings};
use crate::vision::{EncodedImage, Prompt, PromptToken};
use pool::{Pool, Prefix};
use sequence::{Sequence, State};

/// Pieces of prompts are multiples of as many tokens, which the kernels take at once.
const PIECE_UNIT: usize = 8;

/// What a batch may take.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// Answers in the making at once, at least 1.
    pub sequences: usize,
    /// Bytes for keys and values, of answers in the making and of ended ones that are kept for prompts that begin as they
    /// do. One answer is always let in.
    pub cache_bytes: u64,
    /// How keys and values are stored.
    pub cache: CacheType,
    /// About how long a piece of a prompt may take while others wait for their next token.
    pub piece: Duration,
}

impl Default for BatchOptions {
    fn default() -> BatchOptions {
        BatchOptions {
            sequences: 8,
            cache_bytes: 2 << 30,
            cache: CacheType::default(),
            piece: Duration::from_millis(200),
        }
    }
}

/// A prompt to be answered.
#[derive(Debug, Clone)]
pub struct Request {
    /// Token ids.
    pub ids: Vec<u32>,
    /// What its image tokens stand for, in order.
    pub images: Vec<EncodedImage>,
    /// How to answer; [`GenerateOptions::interrupt`] has no effect here, [`Batch::cancel`] ends an answer.
    pub options: GenerateOptions<'static>,
    /// Whether a text begins with the answer, as it does after a template.
    pub begins: bool,
    /// Also tell how likely each token was, and as many others, the likeliest first.
    pub likelihoods: Option<usize>,
}

/// Names an answer of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SequenceId(u64);

/// What became of a request.
#[derive(Debug)]
pub enum Admission {
    /// It is being answered.
    Admitted {
        /// Its name in events.
        id: SequenceId,
        /// Tokens of the prompt that were cached.
        reused: usize,
    },
    /// There is no room until another answer ends.
    Full(Box<Request>),
}

/// What a step brought.
#[derive(Debug)]
pub enum Event {
    /// A token was chosen.
    Token(ChosenToken),
    /// The answer ended.
    Ended {
        /// Why.
        finish: Finish,
        /// Text that was held back until now.
        text: String,
        /// Where the time went.
        timings: Timings,
    },
    /// The answer cannot go on.
    Failed(SessionError),
}

/// A token of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenToken {
    /// The token.
    pub id: u32,
    /// Text that is certain now, possibly empty.
    pub text: String,
    /// How likely it was, where that was asked for.
    pub likelihood: Option<Likelihood>,
}

/// How likely a token was by the model's own distribution, before temperature, penalties and whatever else chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihood {
    /// Of the token, a natural logarithm.
    pub log_probability: f64,
    /// The likeliest tokens at its place, the likeliest first.
    pub likeliest: Vec<(u32, f64)>,
}

/// A model that answers several requests at once.
pub struct Batch {
    session: Session,
    options: BatchOptions,
    sequences: Vec<Sequence>,
    pool: Pool,
    next_id: u64,
    /// Seconds for a token of a prompt, as last measured.
    prompt_token: Option<f64>,
}

impl Batch {
    /// A batch without requests.
    pub fn new(session: Session, options: BatchOptions) -> Batch {
        Batch { session, options, sequences: Vec::new(), pool: Pool::default(), next_id: 0, prompt_token: None }
    }

    /// The model: its tokenizer and template, and what is measured by itself.
    pub fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Answers in the making.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Tokens that are cached of ended answers.
    pub fn kept_tokens(&self) -> usize {
        self.pool.positions()
    }

    /// Lets a request in if there is room for its prompt and the longest answer it may have.
    ///
    /// # Errors
    /// It can never be answered: it is empty or too long, an option is out of range, or its images do not fit it.
    pub fn admit(&mut self, request: Request) -> Result<Admission, SessionError> {
        let (tokens, answer) = self.prepare(&request)?;
        let reserved = answer.longest();
        let has_place = self.sequences.len() < self.options.sequences.max(1);
        let prefix = if has_place { self.room_for(&tokens, reserved)? } else { None };
        let Some(prefix) = prefix else { return Ok(Admission::Full(Box::new(request))) };
        let id = SequenceId(self.next_id);
        self.next_id += 1;
        let sequence = Sequence::new(id, request, tokens, answer, prefix, reserved);
        let reused = sequence.timings.reused_tokens;
        self.sequences.push(sequence);
        Ok(Admission::Admitted { id, reused })
    }

    /// Says whether [`Batch::admit`] would refuse a request for good.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self, request: &Request) -> Result<(), SessionError> {
        self.prepare(request).map(drop)
    }

    fn prepare(&self, request: &Request) -> Result<(Vec<PromptToken>, Answer), SessionError> {
        let tokens = self.session.tokens(Prompt { ids: &request.ids, images: &request.images })?;
        let (n, context) = (tokens.len(), self.session.context());
        if n == 0 {
            return Err(SessionError::EmptyPrompt);
        }
        if n > context {
            return Err(SessionError::PromptTooLong { prompt: n, context });
        }
        let vocab_size = self.session.program.network().vocab_size;
        if let Some(id) = request.ids.iter().copied().find(|id| *id as usize >= vocab_size) {
            return Err(StepError::UnknownToken { id, vocab_size }.into());
        }
        let strip = request.begins && self.session.tokenizer.strips_first_space();
        let answer = Answer::new(&request.options, &request.ids, context, strip)?;
        Ok((tokens, answer))
    }

    /// Ends an answer that nobody wants any more; what was read of its prompt stays cached.
    pub fn cancel(&mut self, id: SequenceId) {
        if let Some(at) = self.sequences.iter().position(|sequence| sequence.id == id) {
            let sequence = self.sequences.remove(at);
            self.pool.keep(sequence);
        }
    }

    /// A token for every answer in the making, then a piece of the prompt that waits longest.
    pub fn step(&mut self) -> Vec<(SequenceId, Event)> {
        let mut events = Vec::new();
        self.end_limited(&mut events);
        let decoded = self.decode(&mut events);
        self.read_piece(decoded, &mut events);
        self.end_limited(&mut events);
        events
    }

    /// Ends the answers that may have no further token.
    fn end_limited(&mut self, events: &mut Vec<(SequenceId, Event)>) {
        while let Some(at) = self.sequences.iter().position(|sequence| sequence.answer.limit().is_some()) {
            let finish = self.sequences[at].answer.limit().unwrap_or(Finish::Length);
            self.end(at, finish, events);
        }
    }

    fn end(&mut self, at: usize, finish: Finish, events: &mut Vec<(SequenceId, Event)>) {
        let mut sequence = self.sequences.remove(at);
        let held = sequence.answer.finish();
        let finish = if held.stopped { Finish::Stop } else { finish };
        let mut timings = sequence.timings;
        timings.decode = sequence.started.elapsed().saturating_sub(timings.first_token);
        events.push((sequence.id, Event::Ended { finish, text: held.text, timings }));
        self.pool.keep(sequence);
    }

    fn fail(&mut self, at: usize, error: SessionError, events: &mut Vec<(SequenceId, Event)>) {
        let sequence = self.sequences.remove(at);
        events.push((sequence.id, Event::Failed(error)));
        self.pool.keep(sequence);
    }

    /// One more token for each answer in the making; returns how many there were.
    fn decode(&mut self, events: &mut Vec<(SequenceId, Event)>) -> usize {
        self.sequences.iter_mut().for_each(Sequence::turn_keys);
        let is_decoding = |sequence: &&mut Sequence| matches!(sequence.state, State::Decoding(_));
        let mut step: Vec<_> = self.sequences.iter_mut().filter(is_decoding).map(Sequence::next_input).collect();
        if step.is_empty() {
            return 0;
        }
        let n = step.len();
        let logits = match self.session.program.decode(&mut step) {
            Ok(logits) => logits.to_vec(),
            Err(error) => {
                // Room was reserved and tokens were chosen by the model itself: this is the first that refuses.
                let at = self.sequences.iter().position(|s| matches!(s.state, State::Decoding(_))).unwrap_or(0);
                self.fail(at, error.into(), events);
                return n - 1;
            }
        };
        let width = logits.len() / n;
        let ids: Vec<SequenceId> =
            self.sequences.iter().filter(|s| matches!(s.state, State::Decoding(_))).map(|s| s.id).collect();
        for (id, logits) in ids.into_iter().zip(logits.chunks_exact(width)) {
            self.choose(id, logits, events);
        }
        n
    }

    /// Reads a piece of the first prompt that is not read whole; `others` wait for their next token meanwhile.
    fn read_piece(&mut self, others: usize, events: &mut Vec<(SequenceId, Event)>) {
        let Some(at) = self.sequences.iter().position(|s| matches!(s.state, State::Reading)) else { return };
        let size = if others == 0 { BATCH_TOKENS } else { self.piece() };
        let sequence = &mut self.sequences[at];
        let (first, all) = (sequence.cached.len(), sequence.tokens.len());
        let piece = first..all.min(first + size);
        let ids: Vec<u32> = sequence.tokens.iter().map(|(id, _)| *id).collect();
        let n_prompt = sequence.request.ids.len();
        let prompt = Prompt { ids: &ids[..n_prompt], images: &sequence.request.images };
        let embeddings = self.session.image_embeddings(prompt);
        let input = Input::with_embeddings(&ids, &embeddings).part(piece.clone());
        let started = Instant::now();
        let (program, cache) = (&mut self.session.program, &mut sequence.cache);
        let read = if piece.end < all {
            program.append(cache, input).map(|()| None)
        } else {
            program.step(cache, input).map(|logits| Some(logits.to_vec()))
        };
        self.prompt_token = Some(started.elapsed().as_secs_f64() / piece.len().max(1) as f64);
        match read {
            Err(error) => self.fail(at, error.into(), events),
            Ok(logits) => {
                sequence.cached.extend_from_slice(&sequence.tokens[piece]);
                let id = sequence.id;
                if let Some(logits) = logits {
                    self.choose(id, &logits, events);
                }
            }
        }
    }

    /// Tokens of a piece that takes as long as others may be held up.
    fn piece(&self) -> usize {
        let tokens =
            self.prompt_token.map_or(4 * PIECE_UNIT, |each| (self.options.piece.as_secs_f64() / each) as usize);
        (tokens / PIECE_UNIT * PIECE_UNIT).clamp(PIECE_UNIT, BATCH_TOKENS)
    }

    /// Takes the next token of an answer by `logits`.
    fn choose(&mut self, id: SequenceId, logits: &[f32], events: &mut Vec<(SequenceId, Event)>) {
        let Some(at) = self.sequences.iter().position(|sequence| sequence.id == id) else { return };
        let (tokenizer, eos_ids) = (&self.session.tokenizer, &self.session.eos_ids);
        match self.sequences[at].choose(logits, tokenizer, eos_ids) {
            Err(error) => self.fail(at, error.into(), events),
            Ok((token, finish)) => {
                events.extend(token.map(|token| (id, Event::Token(token))));
                if let Some(finish) = finish {
                    self.end(at, finish, events);
                }
            }
        }
    }

    /// A cache for a prompt of these tokens, with as much of its beginning as is cached; `None` while answers in the making
    /// leave no room for `reserved` positions.
    fn room_for(&mut self, tokens: &[PromptToken], reserved: usize) -> Result<Option<Prefix>, SessionError> {
        let budget = self.options.cache_bytes / (self.session.cache.position_bytes() as u64).max(1);
        let budget = usize::try_from(budget).unwrap_or(usize::MAX);
        let in_use: usize = self.sequences.iter().map(|sequence| sequence.reserved).sum();
        if !self.sequences.is_empty() && in_use + reserved > budget {
            return Ok(None);
        }
        let prefix = match self.pool.prefix(tokens, &self.sequences)? {
            Some(prefix) => prefix,
            None => {
                let cache = self.session.program.new_cache(self.session.context(), self.options.cache)?;
                Prefix { cache, cached: Vec::new() }
            }
        };
        self.pool.shrink(budget.saturating_sub(in_use + reserved));
        Ok(Some(prefix.of(tokens)))
    }
}
