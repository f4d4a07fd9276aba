//! Texts put to a model in one of two ways: as a message of a chat, or to be continued as they stand.

use std::ops::ControlFlow;

use plimsoll_engine::{GenerateOptions, SamplingParams, Session, SessionError, Special};
use serde::{Deserialize, Serialize};

use crate::answerer::prompt_ids;
use crate::runner::AnswerError;

/// How a text is put to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompting {
    /// As the one message of a user, in the model's own chat template.
    Chat,
    /// As it stands, to be continued.
    Base,
}

impl Prompting {
    /// What suits a model: a chat where it has a template.
    pub fn of(session: &Session) -> Prompting {
        if session.template().is_some() { Prompting::Chat } else { Prompting::Base }
    }
}

impl std::fmt::Display for Prompting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Prompting::Chat => "chat",
            Prompting::Base => "base",
        })
    }
}

/// How a model writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Writing<'a> {
    /// Tokens after which it ends.
    pub max_tokens: usize,
    /// Texts that end it and are no part of it.
    pub stops: &'a [&'a str],
    /// 0 takes the likeliest token every time.
    pub temperature: f32,
    /// Fixes the draws.
    pub seed: u64,
}

/// Something that can be prompted in both ways.
pub trait Prompted {
    /// What it writes after `text`.
    ///
    /// # Errors
    /// Whatever keeps the model from answering, such as a prompt longer than its context.
    fn write(&mut self, text: &str, prompting: Prompting, writing: &Writing) -> Result<String, AnswerError>;

    /// For each option the logarithm of the probability that it follows `text`, in nats.
    ///
    /// # Errors
    /// As [`Prompted::write`].
    fn likelihoods(&mut self, text: &str, prompting: Prompting, options: &[String]) -> Result<Vec<f64>, AnswerError>;
}

impl Prompted for Session {
    fn write(&mut self, text: &str, prompting: Prompting, writing: &Writing) -> Result<String, AnswerError> {
        let ids = ids(self, text, prompting)?;
        // As the reference generates: what the maker forbids may not come here either.
        let recommended = SamplingParams::recommended(self.defaults(), self.eos_ids(), Some(writing.temperature));
        let sampling = SamplingParams { seed: writing.seed, ..recommended };
        let stops = writing.stops.iter().map(|&stop| stop.to_owned()).collect();
        let options =
            GenerateOptions { sampling, max_tokens: Some(writing.max_tokens), stops, ..GenerateOptions::default() };
        Ok(self.generate(&ids, &options, |_| ControlFlow::Continue(()))?.text)
    }

    fn likelihoods(&mut self, text: &str, prompting: Prompting, options: &[String]) -> Result<Vec<f64>, AnswerError> {
        let (prompt, continuations) = match prompting {
            Prompting::Chat => {
                let encoded: Result<Vec<_>, _> =
                    options.iter().map(|option| self.tokenizer().encode(option, Special::AsText)).collect();
                (ids(self, text, prompting)?, encoded?)
            }
            Prompting::Base => {
                let whole: Result<Vec<_>, _> =
                    options.iter().map(|option| self.text_ids(&format!("{text}{option}"))).collect();
                split_where_they_part(whole?)
            }
        };
        Ok(self.log_likelihoods(&prompt, &continuations)?)
    }
}

/// A prompt's ids. A model without a template is not asked as if it had one.
fn ids(session: &Session, text: &str, prompting: Prompting) -> Result<Vec<u32>, SessionError> {
    match prompting {
        Prompting::Base => session.text_ids(text),
        // Asks for the template, to fail where there is none.
        Prompting::Chat if session.template().is_none() => {
            session.chat_ids(&plimsoll_engine::TemplateRequest::default())
        }
        Prompting::Chat => prompt_ids(session, text),
    }
}

/// What all begin with, and how each goes on. Text and option are tokenised together: a tokenizer may join the end of
/// one to the beginning of the other, or treat the beginning of a text in a way of its own.
fn split_where_they_part(mut whole: Vec<Vec<u32>>) -> (Vec<u32>, Vec<Vec<u32>>) {
    let Some(first) = whole.first().cloned() else { return (Vec::new(), Vec::new()) };
    let shared = |other: &Vec<u32>| first.iter().zip(other).take_while(|(a, b)| a == b).count();
    // An option that is the beginning of another keeps its last token.
    let shortest = whole.iter().map(Vec::len).min().unwrap_or(0);
    let n = whole.iter().map(shared).min().unwrap_or(0).min(shortest.saturating_sub(1));
    let rest = whole.iter_mut().map(|ids| ids.split_off(n)).collect();
    (first[..n].to_vec(), rest)
}

#[cfg(test)]
mod tests {
    use super::split_where_they_part;

    #[test]
    fn options_part_at_their_first_different_token() {
        let (prompt, rest) = split_where_they_part(vec![vec![1, 2, 3], vec![1, 2, 4, 5], vec![1, 2, 3, 6]]);
        assert_eq!((prompt, rest), (vec![1, 2], vec![vec![3], vec![4, 5], vec![3, 6]]));
    }

    #[test]
    fn an_option_that_begins_another_is_not_empty() {
        let (prompt, rest) = split_where_they_part(vec![vec![1, 2], vec![1, 2, 3]]);
        assert_eq!((prompt, rest), (vec![1], vec![vec![2], vec![2, 3]]));
    }
}
