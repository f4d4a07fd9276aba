//! Several answers at once from one program.
//!
//! A [`Batch`] is stepped by whoever owns it: each step appends a token to every answer in the making, then a piece of one
//! prompt that waits, so that a long prompt holds up its neighbours for the time of a piece and no longer. An answer is
//! the same, to the last bit of its logits, whatever else is in the batch, in whatever pieces its prompt was read, and
//! whether its beginning was cached or not.

mod pool;
mod sequence;

use std::time::{Duration, Instant};

use plimsoll_runtime::{BATCH_TOKENS, Input, StepError};

pub use crate::session::Likelihood;
use crate::session::answer::Answer;
use crate::session::{Finish, GenerateOptions, Session, SessionError, Timings};
use crate::vision::{EncodedImage, Prompt, PromptToken};
use pool::{Pool, Prefix};
use sequence::{Chosen, Sequence};

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
    /// About how long a piece of a prompt may take while others wait for their next token.
    pub piece: Duration,
}

impl Default for BatchOptions {
    fn default() -> BatchOptions {
        BatchOptions { sequences: 8, cache_bytes: 2 << 30, piece: Duration::from_millis(200) }
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

/// A request that can be answered once there is room ([`Batch::check`]).
pub struct Candidate {
    request: Request,
    tokens: Vec<PromptToken>,
    answer: Answer,
}

impl Candidate {
    /// Tokens of its prompt.
    pub fn prompt_tokens(&self) -> usize {
        self.tokens.len()
    }
}

/// What became of a request.
pub enum Admission {
    /// It is being answered.
    Admitted {
        /// Its name in events.
        id: SequenceId,
        /// Tokens of the prompt that were cached.
        reused: usize,
    },
    /// There is no room until another answer ends.
    Full(Box<Candidate>),
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

impl Event {
    /// Whether nothing more comes of the answer.
    pub fn is_last(&self) -> bool {
        matches!(self, Event::Ended { .. } | Event::Failed(_))
    }
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

    /// Answers in the making.
    pub fn len(&self) -> usize {
        self.sequences.len()
    }

    /// Whether there are none, and so nothing to do.
    pub fn is_empty(&self) -> bool {
        self.sequences.is_empty()
    }

    /// Tokens that are cached of ended answers, states counted as the tokens that take as much memory.
    pub fn kept_tokens(&self) -> usize {
        self.pool.positions()
    }

    /// Tokens for whose keys and values there may be room.
    pub fn capacity(&self) -> usize {
        let tokens = self.options.cache_bytes / (self.session.cache.position_bytes() as u64).max(1);
        usize::try_from(tokens).unwrap_or(usize::MAX)
    }

    /// Tokens that the answers in the making may come to have, with their prompts, states counted as before.
    pub fn reserved_tokens(&self) -> usize {
        self.sequences.iter().map(|sequence| sequence.reserved).sum()
    }

    /// Makes a request ready to be let in.
    ///
    /// # Errors
    /// It can never be answered: it is empty or too long, an option is out of range, or its images do not fit it.
    pub fn check(&self, request: Request) -> Result<Candidate, SessionError> {
        let tokens = self.session.tokens(Prompt { ids: &request.ids, images: &request.images })?;
        self.session.check_length(tokens.len())?;
        let vocab_size = self.session.program.network().vocab_size;
        if let Some(id) = request.ids.iter().copied().find(|id| *id as usize >= vocab_size) {
            return Err(StepError::UnknownToken { id, vocab_size }.into());
        }
        let strip = request.begins && self.session.tokenizer.strips_first_space();
        let answer = Answer::new(&request.options, &request.ids, self.session.context(), strip)?;
        Ok(Candidate { request, tokens, answer })
    }

    /// Lets a request in if there is room for its prompt and the longest answer it may have.
    ///
    /// # Errors
    /// There is no memory for its keys and values.
    pub fn admit(&mut self, candidate: Candidate) -> Result<Admission, SessionError> {
        let reserved = candidate.answer.longest() + self.session.cache.state_positions();
        let has_place = self.sequences.len() < self.options.sequences.max(1);
        let prefix = if has_place { self.room_for(&candidate.tokens, reserved)? } else { None };
        let Some(prefix) = prefix else { return Ok(Admission::Full(Box::new(candidate))) };
        let id = SequenceId(self.next_id);
        self.next_id += 1;
        let reused = prefix.cached.len();
        self.sequences.push(Sequence::new(id, candidate, prefix, reserved));
        Ok(Admission::Admitted { id, reused })
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
        self.end_those_without_a_token(&mut events);
        let decoded = self.decode(&mut events);
        self.read_piece(decoded, &mut events);
        events
    }

    /// Ends the answers that may not even have a first token.
    fn end_those_without_a_token(&mut self, events: &mut Vec<(SequenceId, Event)>) {
        let limit = |(at, sequence): (usize, &Sequence)| Some((at, sequence.answer.limit()?));
        while let Some((at, finish)) = self.sequences.iter().enumerate().find_map(limit) {
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
        let Session { program, tokenizer, eos_ids, .. } = &mut self.session;
        self.sequences.iter_mut().for_each(Sequence::turn_keys);
        let mut inputs: Vec<_> = self.sequences.iter_mut().filter_map(Sequence::next_input).collect();
        let n = inputs.len();
        if n == 0 {
            return 0;
        }
        let chosen: Vec<(SequenceId, Result<Chosen, SessionError>)> = match program.decode(&mut inputs) {
            Ok(logits) => {
                let decoding = self.sequences.iter_mut().filter(|sequence| !sequence.is_reading());
                let rows = logits.chunks_exact(logits.len() / n);
                decoding.zip(rows).map(|(s, row)| (s.id, s.choose(row, tokenizer, eos_ids))).collect()
            }
            // Room was reserved and tokens were chosen by the model itself: this is the first that refuses.
            Err(error) => {
                let first = self.sequences.iter().find(|sequence| !sequence.is_reading());
                first.map(|sequence| (sequence.id, Err(error.into()))).into_iter().collect()
            }
        };
        chosen.into_iter().for_each(|(id, chosen)| self.tell(id, chosen, events));
        n
    }

    /// Reads a piece of the first prompt that is not read whole; `others` wait for their next token meanwhile.
    fn read_piece(&mut self, others: usize, events: &mut Vec<(SequenceId, Event)>) {
        let size = if others == 0 { BATCH_TOKENS } else { self.piece() };
        let Some(sequence) = self.sequences.iter_mut().find(|sequence| sequence.is_reading()) else { return };
        let Sequence { request, cache, .. } = sequence;
        // What was answered shows nothing, whatever its tokens.
        let prompt = Prompt { ids: &request.ids[..sequence.timings.prompt_tokens], images: &request.images };
        let embeddings = self.session.image_embeddings(prompt);
        let Session { program, tokenizer, eos_ids, .. } = &mut self.session;
        let whole = Input::with_embeddings(&request.ids, &embeddings).of_prompt(sequence.timings.prompt_tokens);
        let start = sequence.cached.len();
        let piece = start..program.piece_end(whole.part(0..sequence.tokens.len()), start, size);
        let input = whole.part(piece.clone());
        let started = Instant::now();
        let read = if piece.end < sequence.tokens.len() {
            program.append(cache, input).map(|()| None)
        } else {
            program.step(cache, input).map(Some)
        };
        self.prompt_token = Some(started.elapsed().as_secs_f64() / piece.len() as f64);
        let chosen = match read {
            Err(error) => Some(Err(error.into())),
            Ok(logits) => {
                sequence.cached.extend_from_slice(&sequence.tokens[piece]);
                logits.map(|logits| sequence.choose(logits, tokenizer, eos_ids))
            }
        };
        let id = sequence.id;
        if let Some(chosen) = chosen {
            self.tell(id, chosen, events);
        }
    }

    /// Tokens of a piece that takes as long as others may be held up.
    fn piece(&self) -> usize {
        let tokens =
            self.prompt_token.map_or(4 * PIECE_UNIT, |each| (self.options.piece.as_secs_f64() / each) as usize);
        (tokens / PIECE_UNIT * PIECE_UNIT).clamp(PIECE_UNIT, BATCH_TOKENS)
    }

    /// Tells of a token that was chosen, and ends the answer where it has to.
    fn tell(&mut self, id: SequenceId, chosen: Result<Chosen, SessionError>, events: &mut Vec<(SequenceId, Event)>) {
        let Some(at) = self.sequences.iter().position(|sequence| sequence.id == id) else { return };
        match chosen {
            Err(error) => self.fail(at, error, events),
            Ok(Chosen { token, finish }) => {
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
        let (budget, in_use) = (self.capacity(), self.reserved_tokens());
        if !self.sequences.is_empty() && in_use + reserved > budget {
            return Ok(None);
        }
        let prefix = match self.pool.prefix(tokens, &self.sequences)? {
            Some(prefix) => prefix,
            // As the session's own, which holds nothing.
            None => Prefix { cache: self.session.cache.beginning(0)?, cached: Vec::new() },
        };
        self.pool.shrink(budget.saturating_sub(in_use + reserved));
        Ok(Some(prefix.of(tokens)))
    }
}
