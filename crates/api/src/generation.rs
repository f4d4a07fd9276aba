//! How to answer: what an API's fields say of it, and the model's maker where they say nothing.

use std::collections::BTreeMap;

use plimsoll_engine::{GenerateOptions, SamplingParams, Session};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::identity::random;

/// Texts that may end an answer.
const MOST_STOPS: usize = 16;

/// How to answer, as far as a request says.
#[derive(Debug, Clone)]
pub struct Generation {
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub top_k: Option<usize>,
    pub min_p: Option<f32>,
    pub repetition_penalty: Option<f32>,
    pub presence_penalty: f32,
    pub frequency_penalty: f32,
    pub logit_bias: BTreeMap<u32, f32>,
    pub stops: Vec<String>,
    pub seed: u64,
    /// Answers wanted.
    pub n: usize,
    /// Tokens that each may have.
    pub max_tokens: Option<usize>,
}

impl Generation {
    /// One answer, of which nothing is said; it draws a seed of its own, for a fixed one would have every try again fail as
    /// the first did.
    ///
    /// # Errors
    /// The system gives no number that nobody can guess.
    pub fn new() -> Result<Generation, ApiError> {
        Ok(Generation {
            temperature: None,
            top_p: None,
            top_k: None,
            min_p: None,
            repetition_penalty: None,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: BTreeMap::new(),
            stops: Vec::new(),
            seed: random()?,
            n: 1,
            max_tokens: None,
        })
    }

    /// What the engine is told for answer `choice` of those wanted. What the request leaves open is as the model's maker has
    /// it, and else as OpenAI has it.
    pub fn options(&self, session: &Session, choice: usize) -> GenerateOptions<'static> {
        let maker = session.defaults();
        let makers = maker.temperature.filter(|_| maker.do_sample == Some(true));
        let temperature = self.temperature.or(makers).unwrap_or(1.0);
        let recommended = SamplingParams::recommended(maker, session.eos_ids(), Some(temperature));
        let top_k = self.top_k.or(maker.top_k.map(|k| k as usize)).unwrap_or(0);
        let sampling = SamplingParams {
            top_k,
            top_p: self.top_p.unwrap_or(recommended.top_p),
            min_p: self.min_p.unwrap_or(recommended.min_p),
            repetition_penalty: self.repetition_penalty.unwrap_or(recommended.repetition_penalty),
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            logit_bias: self.logit_bias.clone(),
            seed: self.seed.wrapping_add(choice as u64),
            ..recommended
        };
        let stops = self.stops.iter().chain(&maker.stop_strings).cloned().collect();
        GenerateOptions { sampling, max_tokens: self.max_tokens, stops, ..GenerateOptions::default() }
    }
}

/// A field that is a number from `least` to `most`.
///
/// # Errors
/// It is none.
pub fn in_range(fields: &mut Fields, name: &'static str, least: f32, most: f32) -> Result<Option<f32>, ApiError> {
    match fields.take::<f32>(name)? {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ApiError::bad(fields.param(name), format!("`{name}` is {value}, expected {least} to {most}")))
        }
        value => Ok(value),
    }
}

/// Checks texts that end an answer; the field `name` has them.
///
/// # Errors
/// There are too many, or one is empty.
pub fn stops(name: &'static str, stops: Vec<String>) -> Result<Vec<String>, ApiError> {
    match stops.len() > MOST_STOPS || stops.iter().any(String::is_empty) {
        true => Err(ApiError::bad(name, format!("`{name}` takes up to {MOST_STOPS} texts, none of them empty"))),
        false => Ok(stops),
    }
}
