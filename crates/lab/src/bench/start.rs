//! From nothing to the first token, and the memory that it takes.
//!
//! Two models in one process share its heap and its high-water mark, and what one frees the other is given; so each
//! is measured in fresh processes of its own. Resetting the mark of a shared process would be simpler and would
//! still count the other model's pages.

use std::ops::ControlFlow;
use std::time::Instant;

use plimsoll_engine::{ChatTemplate, GenerateOptions, Prompt, Session, SessionError, SessionOptions, Tokenizer};
use plimsoll_formats::FormatError;
use plimsoll_models::Checkpoint;
use plimsoll_runtime::resident_bytes;
use serde::{Deserialize, Serialize};

use super::program::spread_ids;
use crate::language_model::{AnswerError, Question};
use crate::session_model::{asked, prompt_ids};
use crate::suite::{Framing, Image};

/// The question whose first token is timed.
const QUESTION: &str = "Which is larger, 17 or 71? Answer with the number only.";
/// Tokens of the answer; the model's own end does not end it, so that all models do the same work.
const ANSWER_TOKENS: usize = 16;

/// What a fresh process fills its context with after it has answered, so that its memory is that of a long conversation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filling {
    /// Tokens of the sequence in the end, those of pictures and of the answer among them; `None` leaves it at one short
    /// answer.
    pub tokens: Option<usize>,
    /// Shown at its beginning, all in one message.
    pub pictures: Vec<Image>,
}

/// One fresh process that loaded a model and answered once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Seconds from opening the files to being ready.
    pub load: f64,
    /// Seconds from the prompt's text to its first token, right after loading.
    pub first_token: f64,
    /// Resident size before the weights: program, tokenizer and template, in bytes.
    pub process_bytes: u64,
    /// Peak resident size of the whole process, and of that of an engine that runs the model in its place, in bytes.
    pub peak_bytes: u64,
    /// Tokens of the longest sequence, prompt and answer.
    pub tokens: usize,
}

/// Why a fresh process could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The files cannot be opened.
    #[error(transparent)]
    Open(#[from] FormatError),
    /// The model cannot be loaded or does not answer.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The pictures cannot be shown.
    #[error("a picture cannot be shown: {0}")]
    Shown(AnswerError),
    /// Nothing fits beside what has to stand in the context.
    #[error("{taken} tokens of question, pictures and answer do not fit a context of {context}")]
    Full {
        /// Tokens that they take.
        taken: usize,
        /// Tokens that the context was to hold.
        context: usize,
    },
    /// The system does not tell what memory a process takes.
    #[error("this system does not tell the memory of a process")]
    NoResidentSize,
}

/// Loads what `open` opens and answers once, then fills the context. To be called once in a process made for it, before
/// anything else.
///
/// # Errors
/// When the model cannot be opened, loaded or asked, the context does not hold what it is to be filled with, or the system
/// does not tell the memory of a process.
pub fn measure_start(
    open: impl FnOnce() -> Result<Checkpoint, FormatError>,
    options: &SessionOptions,
    filling: &Filling,
) -> Result<Start, StartError> {
    let begin = Instant::now();
    let checkpoint = open()?;
    let opened = begin.elapsed();
    let process_bytes = process_bytes(&checkpoint, options)?;
    let begin = Instant::now();
    let mut session = Session::open(&checkpoint, options)?;
    let load = (opened + begin.elapsed()).as_secs_f64();
    let (first_token, mut tokens) = first_token(&mut session)?;
    if let Some(context) = filling.tokens {
        tokens = tokens.max(fill(&mut session, context, &filling.pictures)?);
    }
    let mut peak_bytes = resident_bytes().ok_or(StartError::NoResidentSize)?.peak;
    if let Some((_, resident)) = session.program().delegate() {
        // Both are there while the model answers.
        peak_bytes += resident.ok_or(StartError::NoResidentSize)?.peak;
    }
    Ok(Start { load, first_token, process_bytes, peak_bytes, tokens })
}

/// Seconds from a question's text to the first token of its answer with nothing of it in the cache, and the tokens
/// of both in all. Template, tokenising and sampling are included.
///
/// # Errors
/// When the model does not answer.
pub fn first_token(session: &mut Session) -> Result<(f64, usize), SessionError> {
    session.program_and_cache(); // forgets what it held
    let begin = Instant::now();
    let ids = prompt_ids(session, QUESTION)?;
    let prompting = begin.elapsed();
    let options = GenerateOptions { max_tokens: Some(ANSWER_TOKENS), ignore_eos: true, ..GenerateOptions::default() };
    let answer = session.generate(&ids, &options, |_| ControlFlow::Continue(()))?;
    Ok(((prompting + answer.timings.first_token).as_secs_f64(), ids.len() + answer.tokens.len()))
}

/// Shows pictures with a question, puts tokens behind them and answers, so that the sequence has `context` tokens in the end.
/// What the tokens say makes no difference to memory; they are spread over the vocabulary, so that as many rows of the
/// embedding and as many experts are touched as by any text. Returns how many tokens it has.
fn fill(session: &mut Session, context: usize, pictures: &[Image]) -> Result<usize, StartError> {
    let framing = Framing { images: pictures.to_vec(), ..Framing::default() };
    let question = Question { prompt: QUESTION, picture: None, framing: &framing };
    let (mut ids, images) = asked(session, question).map_err(StartError::Shown)?;
    let taken = ids.len() + ANSWER_TOKENS;
    let room = context.checked_sub(taken).ok_or(StartError::Full { taken, context })?;
    let image_token_id = if images.is_empty() {
        None
    } else {
        Some(session.vision_encoder().map_err(SessionError::from)?.prompts().image_token_id())
    };
    let vocab_size = session.program().network().vocab_size;
    // The image token is no text.
    let is_text = |id: &u32| Some(*id) != image_token_id;
    ids.extend(
        spread_ids(vocab_size, room).into_iter().map(|id| if is_text(&id) { id } else { (id + 1) % vocab_size as u32 }),
    );
    let options = GenerateOptions { max_tokens: Some(ANSWER_TOKENS), ignore_eos: true, ..GenerateOptions::default() };
    let prompt = Prompt { ids: &ids, images: &images };
    let answer = session.generate(prompt, &options, |_| ControlFlow::Continue(()))?;
    Ok(ids.len() + answer.tokens.len())
}

/// Resident size with tokenizer and template made, but no weight touched: what a prediction starts from.
fn process_bytes(checkpoint: &Checkpoint, options: &SessionOptions) -> Result<u64, StartError> {
    let tokenizer = Tokenizer::of(checkpoint, options.pre.as_deref()).map_err(SessionError::from)?;
    let template = ChatTemplate::of(checkpoint, tokenizer.template_variables()).map_err(SessionError::from)?;
    let resident = resident_bytes().ok_or(StartError::NoResidentSize)?;
    drop((tokenizer, template));
    Ok(resident.now)
}
