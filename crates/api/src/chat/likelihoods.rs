//! Tokens with their likelihoods, as chat tells them.

use plimsoll_engine::Tokenizer;
use plimsoll_engine::batch::ChosenToken;
use serde_json::{Value, json};

/// The entry of a token; nothing where likelihoods were not asked for.
pub fn entry(tokenizer: &Tokenizer, token: &ChosenToken) -> Option<Value> {
    let likelihood = token.likelihood.as_ref()?;
    let others = likelihood.likeliest.iter().map(|(id, log)| named(tokenizer, *id, *log)).collect::<Vec<Value>>();
    let mut entry = named(tokenizer, token.id, likelihood.log_probability);
    entry["top_logprobs"] = Value::Array(others);
    Some(entry)
}

/// A token may be a part of a character: its bytes say what its text cannot.
fn named(tokenizer: &Tokenizer, id: u32, log_probability: f64) -> Value {
    let bytes = tokenizer.token_bytes(id);
    json!({ "token": String::from_utf8_lossy(bytes), "logprob": log_probability, "bytes": bytes })
}
