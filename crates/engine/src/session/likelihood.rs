//! How likely the model finds a text, in nats.

use plimsoll_runtime::{BATCH_TOKENS, Input};

use super::{Session, SessionError};
use crate::sampler::{SamplerError, best, first_not_finite};
use crate::vision::{Prompt, PromptToken};

impl Session {
    /// The logarithm of the probability that `prompt` is followed by `continuation`, in nats.
    ///
    /// # Errors
    /// The prompt is empty, both together do not fit the context, a token is unknown, a logit is no number.
    pub fn log_likelihood<'p>(
        &mut self,
        prompt: impl Into<Prompt<'p>>,
        continuation: &[u32],
    ) -> Result<f64, SessionError> {
        let mut sum = 0.0;
        let mut broken = None;
        self.predict(prompt, continuation, |index, logits| match log_probability(logits, continuation[index]) {
            Ok(log_probability) => sum += log_probability,
            Err(error) => broken = broken.take().or(Some(error)),
        })?;
        broken.map_or(Ok(sum), |error| Err(error.into()))
    }

    /// The logits from which each token of `continuation` is predicted after `prompt`; `each` hears them with the token's
    /// index.
    ///
    /// # Errors
    /// The prompt is empty, both together do not fit the context, a token is unknown.
    pub fn predict<'p>(
        &mut self,
        prompt: impl Into<Prompt<'p>>,
        continuation: &[u32],
        each: impl FnMut(usize, &[f32]),
    ) -> Result<(), SessionError> {
        let prompt = prompt.into();
        let n = prompt.ids.len();
        let length = n + continuation.len();
        if length > self.context() {
            return Err(SessionError::PromptTooLong { prompt: length, context: self.context() });
        }
        let (tokens, embeddings) = (self.tokens(prompt)?, self.image_embeddings(prompt));
        // The last token is predicted and never seen.
        let reused = self.reuse(&tokens, (length - 1).max(n))?;
        let last = prompt.ids[n - 1];
        let input = Input::with_embeddings(prompt.ids, &embeddings);
        if !self.program.may_end(input, n - 1) {
            return self.predict_after(input, &tokens, reused, continuation, each);
        }
        self.append(input, &tokens, reused..n - 1, || false)?;
        let Some((_, given)) = continuation.split_last() else { return Ok(()) };
        // Each token is predicted from the one before it.
        let inputs: Vec<u32> = std::iter::once(last).chain(given.iter().copied()).collect();
        self.program.step_each(&mut self.cache, Input::from(&inputs).of_prompt(0), each)?;
        self.cached.extend(inputs.into_iter().map(|id| (id, None)));
        Ok(())
    }

    /// [`Session::predict`] where the last token of the prompt has to pass with those before it.
    fn predict_after(
        &mut self,
        prompt: Input,
        tokens: &[PromptToken],
        reused: usize,
        continuation: &[u32],
        mut each: impl FnMut(usize, &[f32]),
    ) -> Result<(), SessionError> {
        let Some((_, given)) = continuation.split_last() else { return Ok(()) };
        let n = prompt.len();
        let last = self.program.pieces(prompt, reused..n, BATCH_TOKENS).last().map_or(reused, |last| last.start);
        self.append(prompt, tokens, reused..last, || false)?;
        each(0, self.program.step(&mut self.cache, prompt.part(last..n))?);
        self.cached.extend_from_slice(&tokens[last..]);
        let given_input = Input::from(given).of_prompt(0);
        self.program.step_each(&mut self.cache, given_input, |index, logits| each(index + 1, logits))?;
        self.cached.extend(given.iter().map(|id| (*id, None)));
        Ok(())
    }

    /// [`Session::log_likelihood`] of each continuation. The prompt is computed once.
    ///
    /// # Errors
    /// As [`Session::log_likelihood`].
    pub fn log_likelihoods<'p>(
        &mut self,
        prompt: impl Into<Prompt<'p>>,
        continuations: &[Vec<u32>],
    ) -> Result<Vec<f64>, SessionError> {
        let prompt = prompt.into();
        continuations.iter().map(|continuation| self.log_likelihood(prompt, continuation)).collect()
    }
}

/// How likely a token was by the model's own distribution, before temperature, penalties and whatever else chooses.
#[derive(Debug, Clone, PartialEq)]
pub struct Likelihood {
    /// [`log_probability`] of the token.
    pub log_probability: f64,
    /// The likeliest tokens at its place with theirs, the likeliest first, the lower id among equals.
    pub likeliest: Vec<(u32, f64)>,
}

impl Likelihood {
    /// Of `token` where the model gave `logits`, beside the `n` likeliest.
    ///
    /// # Errors
    /// As [`log_probability`].
    pub fn of(logits: &[f32], token: u32, n: usize) -> Result<Likelihood, SamplerError> {
        let of = LogSoftmax::of(logits)?;
        let likeliest = best(logits, n).iter().map(|best| (best.token, of.at(best.logit))).collect();
        Ok(Likelihood { log_probability: of.at(logit(logits, token)?), likeliest })
    }
}

/// The logarithm of softmax(`logits`) at `token`, summed in f64, in nats.
///
/// # Errors
/// A logit is no number ([`SamplerError::NotFinite`]), or there is none for the token ([`SamplerError::UnknownToken`]).
pub fn log_probability(logits: &[f32], token: u32) -> Result<f64, SamplerError> {
    let of = LogSoftmax::of(logits)?;
    Ok(of.at(logit(logits, token)?))
}

fn logit(logits: &[f32], token: u32) -> Result<f32, SamplerError> {
    let last = logits.len().saturating_sub(1);
    logits.get(token as usize).copied().ok_or(SamplerError::UnknownToken { token, last })
}

/// What logits have to be less for their exponents to add up to one: two terms, subtracted one after the other, for their
/// sum would round once more.
struct LogSoftmax {
    highest: f64,
    log_sum: f64,
}

impl LogSoftmax {
    fn of(logits: &[f32]) -> Result<LogSoftmax, SamplerError> {
        if let Some((token, value)) = first_not_finite(logits) {
            return Err(SamplerError::NotFinite { token, value });
        }
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - highest).exp()).sum();
        Ok(LogSoftmax { highest: f64::from(highest), log_sum: sum.ln() })
    }

    fn at(&self, logit: f32) -> f64 {
        f64::from(logit) - self.highest - self.log_sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_probabilities_are_those_of_the_softmax() {
        let logits = [1000.0, 1001.0, 1002.0];
        let sum: f64 = (0..3).map(|token| log_probability(&logits, token).unwrap().exp()).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        assert!((log_probability(&logits, 2).unwrap().exp() - 0.66524).abs() < 1e-5);
    }

    #[test]
    fn what_is_no_number_or_no_token_is_an_error() {
        assert!(matches!(log_probability(&[0.0, f32::NAN], 0), Err(SamplerError::NotFinite { token: 1, .. })));
        assert_eq!(log_probability(&[0.0], 4), Err(SamplerError::UnknownToken { token: 4, last: 0 }));
    }
}
