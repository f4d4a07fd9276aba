//! What OpenAI's chat and completions share: the fields that say how to answer, and how answers are sent.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::generation::{Generation, in_range, stops};

/// Answers that one request may ask for.
const MOST_CHOICES: usize = 8;
/// Fields that have no effect on an answer by what they mean: who asks, hints for caches and for speed.
pub const WITHOUT_EFFECT: [&str; 7] = [
    "user",
    "safety_identifier",
    "metadata",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "prediction",
];

/// How answers are sent.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// Piece by piece.
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

/// Takes the fields that say how to answer.
///
/// # Errors
/// One is of another kind, out of range, or not honoured.
pub fn take(fields: &mut Fields) -> Result<(Generation, Delivery), ApiError> {
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
    let given = match fields.take("stop")? {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Several(stops)) => stops,
    };
    let stops = stops("stop", given)?;
    let n = fields.take("n")?.unwrap_or(1);
    if !(1..=MOST_CHOICES).contains(&n) {
        return Err(ApiError::bad("n", format!("`n` is {n}, expected 1 to {MOST_CHOICES}")));
    }
    let drawn = Generation::new()?;
    let generation = Generation {
        temperature: in_range(fields, "temperature", 0.0, 2.0)?,
        top_p: fields.take("top_p")?,
        top_k: fields.take("top_k")?,
        min_p: fields.take("min_p")?,
        repetition_penalty: fields.take("repetition_penalty")?,
        presence_penalty: in_range(fields, "presence_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        frequency_penalty: in_range(fields, "frequency_penalty", -2.0, 2.0)?.unwrap_or(0.0),
        logit_bias: logit_bias(fields)?,
        stops,
        seed: fields.take::<i64>("seed")?.map_or(drawn.seed, |seed| seed as u64),
        n,
        max_tokens: fields.take("max_tokens")?,
    };
    Ok((generation, Delivery { stream, include_usage: options.include_usage == Some(true) }))
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
