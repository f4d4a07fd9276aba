//! The fields that say how to answer, which chat and completions share.

use std::collections::BTreeMap;

use plimsoll_engine::{GenerateOptions, SamplingParams, Session};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::identity::random;

/// Answers that one request may ask for.
const MOST_CHOICES: usize = 8;
/// Texts that may end an answer.
const MOST_STOPS: usize = 16;
/// Fields that have no effect on an answer by what they mean: who asks, hints for caches and for speed.
const WITHOUT_EFFECT: [&str; 7] = [
    "user",
    "safety_identifier",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "prediction",
];

/// How to answer, as far as a request says.
#[derive(Debug, Clone)]
pub struct Generation {
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<usize>,
    min_p: Option<f32>,
    repetition_penalty: Option<f32>,
    presence_penalty: f32,
    frequency_penalty: f32,
    logit_bias: BTreeMap<u32, f32>,
    stops: Vec<String>,
    seed: u64,
    /// Answers wanted.
    pub n: usize,
    /// Tokens that each may have.
    pub max_tokens: Option<usize>,
    /// Whether it is sent piece by piece.
    pub stream: bool,
    /// Whether the last piece tells how many tokens there were.
    pub include_usage: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct StreamOptions {
    include_usage: Option<bool>,
    include_obfuscation: Option<bool>,
}

impl Generation {
    /// Takes its fields of a request.
    ///
    /// # Errors
    /// One is of another kind, out of range, or not honoured.
    pub fn take(fields: &mut Fields) -> Result<Generation, ApiError> {
        fields.accept(&WITHOUT_EFFECT);
        fields.accept_only("store", &[json!(false)])?;
        fields.accept_only("service_tier", &[json!("auto"), json!("default")])?;
        fields.accept_only("best_of", &[json!(1)])?;
        let stream = fields.take("stream")?.unwrap_or(false);
        let options: Option<StreamOptions> = fields.take("stream_options")?;
        if options.is_some() && !stream {
            return Err(ApiError::bad("stream_options", "`stream_options` is for `stream: true`"));
        }
        let options = options.unwrap_or_default();
        if options.include_obfuscation == Some(true) {
            return Err(ApiError::bad("stream_options.include_obfuscation", "obfuscation is not done here"));
        }
        let stops = match fields.take("stop")? {
            None => Vec::new(),
            Some(Stop::One(stop)) => vec![stop],
            Some(Stop::Several(stops)) => stops,
        };
        if stops.len() > MOST_STOPS || stops.iter().any(String::is_empty) {
            return Err(ApiError::bad("stop", format!("`stop` takes up to {MOST_STOPS} texts, none of them empty")));
        }
        let n = fields.take("n")?.unwrap_or(1);
        if !(1..=MOST_CHOICES).contains(&n) {
            return Err(ApiError::bad("n", format!("`n` is {n}, expected 1 to {MOST_CHOICES}")));
        }
        let presence_penalty = in_range(fields, "presence_penalty", -2.0, 2.0)?.unwrap_or(0.0);
        let frequency_penalty = in_range(fields, "frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0);
        Ok(Generation {
            temperature: in_range(fields, "temperature", 0.0, 2.0)?,
            top_p: fields.take("top_p")?,
            top_k: fields.take("top_k")?,
            min_p: fields.take("min_p")?,
            repetition_penalty: fields.take("repetition_penalty")?,
            presence_penalty,
            frequency_penalty,
            logit_bias: logit_bias(fields)?,
            stops,
            // A fixed one would have every try again fail as the first did.
            seed: fields.take::<i64>("seed")?.map_or_else(random, |seed| Ok(seed as u64))?,
            n,
            max_tokens: fields.take("max_tokens")?,
            stream,
            include_usage: options.include_usage == Some(true),
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

fn in_range(fields: &mut Fields, name: &'static str, least: f32, most: f32) -> Result<Option<f32>, ApiError> {
    match fields.take::<f32>(name)? {
        Some(value) if !(least..=most).contains(&value) => {
            Err(ApiError::bad(name, format!("`{name}` is {value}, expected {least} to {most}")))
        }
        value => Ok(value),
    }
}

fn logit_bias(fields: &mut Fields) -> Result<BTreeMap<u32, f32>, ApiError> {
    let biases: BTreeMap<String, Value> = fields.take("logit_bias")?.unwrap_or_default();
    let bad = |token: &str, what: &str| Err(ApiError::bad("logit_bias", format!("`logit_bias`: `{token}` {what}")));
    let mut read = BTreeMap::new();
    for (token, bias) in biases {
        let Ok(id) = token.parse::<u32>() else { return bad(&token, "is no token id") };
        match bias.as_f64() {
            Some(bias) if (-100.0..=100.0).contains(&bias) => read.insert(id, bias as f32),
            _ => return bad(&token, "needs a bias from -100 to 100"),
        };
    }
    Ok(read)
}
