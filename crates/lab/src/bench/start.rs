//! From nothing to the first token, and the memory that it takes.
//!
//! Two models in one process share its heap and its high-water mark, and what one frees the other is given; so each
//! is measured in fresh processes of its own. Resetting the mark of a shared process would be simpler and would
//! still count the other model's pages.

use std::ops::ControlFlow;
use std::time::Instant;

use plimsoll_engine::{ChatTemplate, GenerateOptions, Session, SessionError, SessionOptions, Tokenizer};
use plimsoll_formats::{Checkpoint, FormatError};
use plimsoll_runtime::resident_bytes;
use serde::{Deserialize, Serialize};

use crate::answerer::prompt_ids;

/// The question whose first token is timed.
const QUESTION: &str = "Which is larger, 17 or 71? Answer with the number only.";
/// Tokens of the answer; the model's own end does not end it, so that all models do the same work.
const ANSWER_TOKENS: usize = 16;

/// One fresh process that loaded a model and answered once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// Seconds from opening the files to being ready.
    pub load: f64,
    /// Seconds from the prompt's text to its first token, right after loading.
    pub first_token: f64,
    /// Resident size before the weights: program, tokenizer and template. [bytes]
    pub process_bytes: u64,
    /// Peak resident size of the whole process. [bytes]
    pub peak_bytes: u64,
    /// Tokens of the sequence, prompt and answer.
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
    /// The system does not tell what memory a process takes.
    #[error("this system does not tell the memory of a process (/proc/self/status)")]
    NoResidentSize,
}

/// Loads what `open` opens and answers once. To be called once in a process made for it, before anything else.
///
/// # Errors
/// When the model cannot be opened, loaded or asked, or the system does not tell the memory of a process.
pub fn measure_start(
    open: impl FnOnce() -> Result<Checkpoint, FormatError>,
    options: &SessionOptions,
) -> Result<Start, StartError> {
    let begin = Instant::now();
    let checkpoint = open()?;
    let opened = begin.elapsed();
    let process_bytes = process_bytes(&checkpoint, options)?;
    let begin = Instant::now();
    let mut session = Session::open(&checkpoint, options)?;
    let load = (opened + begin.elapsed()).as_secs_f64();
    let (first_token, tokens) = first_token(&mut session)?;
    let peak_bytes = resident_bytes().ok_or(StartError::NoResidentSize)?.peak;
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
    let options = GenerateOptions { max_tokens: Some(ANSWER_TOKENS), ignore_ends: true, ..GenerateOptions::default() };
    let answer = session.generate(&ids, &options, |_| ControlFlow::Continue(()))?;
    Ok(((prompting + answer.timings.first_token).as_secs_f64(), ids.len() + answer.tokens.len()))
}

/// Resident size with tokenizer and template made, but no weight touched: what a prediction starts from.
fn process_bytes(checkpoint: &Checkpoint, options: &SessionOptions) -> Result<u64, StartError> {
    let tokenizer = Tokenizer::of(checkpoint, options.pre.as_deref()).map_err(SessionError::from)?;
    let template = ChatTemplate::of(checkpoint, &tokenizer).map_err(SessionError::from)?;
    let resident = resident_bytes().ok_or(StartError::NoResidentSize)?;
    drop((tokenizer, template));
    Ok(resident.now)
}
