//! Prompts that are said back before their continuation, with how likely the model finds them.

use plimsoll_engine::batch::ChosenToken;
use plimsoll_engine::{Likelihood, SamplerError, Session, Tokenizer};

use crate::error::ApiError;

/// The tokens of a prompt; of the first there is no likelihood, for nothing comes before it.
pub type Echo = Vec<ChosenToken>;

/// A prompt as its text.
pub fn text(tokenizer: &Tokenizer, ids: &[u32]) -> Echo {
    vec![ChosenToken { id: 0, text: tokenizer.decode(ids), likelihood: None }]
}

/// A prompt with the likelihood of each token, and `n` alternatives.
///
/// # Errors
/// It is empty, too long, or names a token that there is not.
pub fn scored(session: &mut Session, ids: &[u32], n: usize) -> Result<Echo, ApiError> {
    let Some((first, rest)) = ids.split_first() else { return Err(ApiError::bad("prompt", "the prompt is empty")) };
    let mut likelihoods: Vec<Result<Likelihood, SamplerError>> = Vec::with_capacity(rest.len());
    if !rest.is_empty() {
        session
            .predict(&vec![*first], rest, |index, logits| likelihoods.push(Likelihood::of(logits, rest[index], n)))?;
    }
    let likelihoods: Vec<Likelihood> =
        likelihoods.into_iter().collect::<Result<_, _>>().map_err(|error| ApiError::internal(error.to_string()))?;
    let tokenizer = session.tokenizer();
    let likelihoods = std::iter::once(None).chain(likelihoods.into_iter().map(Some));
    let token = |(id, likelihood): (&u32, Option<Likelihood>)| {
        let text = String::from_utf8_lossy(tokenizer.token_bytes(*id)).into_owned();
        ChosenToken { id: *id, text, likelihood }
    };
    Ok(ids.iter().zip(likelihoods).map(token).collect())
}
