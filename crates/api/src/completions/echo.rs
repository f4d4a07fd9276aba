//! Prompts that are said back before their continuation, with how likely the model finds them.

use std::time::{Duration, Instant};

use plimsoll_engine::batch::ChosenToken;
use plimsoll_engine::{Likelihood, SamplerError, Session, SessionError, Tokenizer};

use crate::error::ApiError;
use crate::served::Served;

/// About how long others wait while a piece is read.
const PIECE: Duration = Duration::from_millis(200);
/// Tokens of a first piece, before anybody knows how long one takes, and of any.
const FIRST_PIECE: usize = 16;
const LARGEST_PIECE: f64 = 256.0;

/// The tokens of a prompt; of the first there is no likelihood, for nothing comes before it.
pub type Echo = Vec<ChosenToken>;

/// A prompt as its text.
pub fn text(tokenizer: &Tokenizer, ids: &[u32]) -> Echo {
    vec![ChosenToken { id: 0, text: tokenizer.decode(ids), likelihood: None }]
}

/// A prompt with the likelihood of each token, and `n` alternatives. It is read in pieces of about [`PIECE`], between which the
/// model goes on with others.
///
/// # Errors
/// It is empty, too long, or names a token that there is not.
pub async fn scored(served: &Served, ids: &[u32], n: usize) -> Result<Echo, ApiError> {
    if ids.is_empty() {
        return Err(ApiError::bad("prompt", "the prompt is empty"));
    }
    if ids.len() > served.context {
        let (prompt, context) = (ids.len(), served.context);
        return Err(SessionError::PromptTooLong { prompt, context }.into());
    }
    // Who comes between would have the cache read anew.
    let _alone = served.scoring.lock().await;
    let (mut likelihoods, mut size) = (vec![None], FIRST_PIECE);
    while likelihoods.len() < ids.len() {
        let from = likelihoods.len();
        let piece: Vec<u32> = ids[..ids.len().min(from + size)].to_vec();
        let (scores, took) = served.ask(move |session| timed(session, &piece, from, n)).await?;
        likelihoods.extend(scores?.into_iter().map(Some));
        size = (size as f64 * PIECE.as_secs_f64() / took.as_secs_f64()).clamp(1.0, LARGEST_PIECE) as usize;
    }
    let token = |(id, likelihood): (&u32, Option<Likelihood>)| {
        let text = String::from_utf8_lossy(served.tokenizer.token_bytes(*id)).into_owned();
        ChosenToken { id: *id, text, likelihood }
    };
    Ok(ids.iter().zip(likelihoods).map(token).collect())
}

/// Likelihoods, and how long they took.
type Timed = (Result<Vec<Likelihood>, SessionError>, Duration);

/// The likelihoods of the tokens of `ids` behind the first `from`.
fn timed(session: &mut Session, ids: &[u32], from: usize, n: usize) -> Timed {
    let (started, (before, asked)) = (Instant::now(), ids.split_at(from));
    let mut likelihoods: Vec<Result<Likelihood, SamplerError>> = Vec::with_capacity(asked.len());
    let told = session.predict(&before.to_vec(), asked, |index, logits| {
        likelihoods.push(Likelihood::of(logits, asked[index], n));
    });
    let likelihoods = told.and_then(|()| Ok(likelihoods.into_iter().collect::<Result<_, _>>()?));
    (likelihoods, started.elapsed())
}
