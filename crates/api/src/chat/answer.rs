//! Answers to a conversation, whole and piece by piece.

use std::sync::Arc;

use plimsoll_engine::Tokenizer;
use plimsoll_engine::batch::Event;
use serde_json::{Value, json};

use super::likelihoods;
use crate::error::ApiError;
use crate::fingerprint;
use crate::generation::Generation;
use crate::stream::{Chunks, Usage, finish_reason};
use crate::worker::Birth;

/// What every part of an answer says of it.
pub struct About {
    birth: Birth,
    model: String,
    tokenizer: Arc<Tokenizer>,
    with_likelihoods: bool,
}

impl About {
    /// Of an answer by `model` that begins now.
    pub fn new(model: &str, tokenizer: Arc<Tokenizer>, with_likelihoods: bool) -> Result<About, ApiError> {
        Ok(About { birth: Birth::now("chatcmpl")?, model: model.to_owned(), tokenizer, with_likelihoods })
    }

    fn object(&self, kind: &str, choices: Vec<Value>) -> Value {
        json!({
            "id": self.birth.id,
            "object": kind,
            "created": self.birth.created,
            "model": self.model,
            "system_fingerprint": fingerprint(),
            "choices": choices,
        })
    }

    fn likelihoods(&self, entries: Vec<Value>) -> Value {
        match self.with_likelihoods {
            true => json!({ "content": entries, "refusal": null }),
            false => Value::Null,
        }
    }
}

/// Answers that are sent whole.
pub struct Whole {
    about: About,
    choices: Vec<Choice>,
}

#[derive(Default)]
struct Choice {
    text: String,
    likelihoods: Vec<Value>,
    finish: Option<&'static str>,
}

impl Whole {
    /// `n` answers of which nothing is heard yet.
    pub fn new(about: About, n: usize) -> Whole {
        Whole { about, choices: (0..n).map(|_| Choice::default()).collect() }
    }

    /// Hears what came of one.
    pub fn hear(&mut self, choice: usize, event: Event) {
        let choice = &mut self.choices[choice];
        match event {
            Event::Token(token) => {
                choice.text.push_str(&token.text);
                choice.likelihoods.extend(likelihoods::entry(&self.about.tokenizer, &token));
            }
            Event::Ended { finish, text, .. } => {
                choice.text.push_str(&text);
                choice.finish = Some(finish_reason(finish));
            }
            Event::Failed(_) => {}
        }
    }

    /// The body of the response.
    pub fn into_json(self, usage: &Usage) -> Value {
        let Whole { about, choices } = self;
        let choices = choices.into_iter().enumerate().map(|(index, choice)| {
            json!({
                "index": index,
                "message": { "role": "assistant", "content": choice.text, "refusal": null, "annotations": [] },
                "logprobs": about.likelihoods(choice.likelihoods),
                "finish_reason": choice.finish,
            })
        });
        let mut object = about.object("chat.completion", choices.collect());
        object["usage"] = usage.to_json();
        object
    }
}

/// Answers that are sent piece by piece.
pub struct Pieces {
    about: About,
    n: usize,
    include_usage: bool,
}

impl Pieces {
    /// Of as many answers as were asked for.
    pub fn new(about: About, generation: &Generation) -> Pieces {
        Pieces { about, n: generation.n, include_usage: generation.include_usage }
    }

    fn piece(&self, index: usize, delta: Value, likelihoods: Value, finish: Option<&str>) -> Value {
        let choice = json!({ "index": index, "delta": delta, "logprobs": likelihoods, "finish_reason": finish });
        let mut object = self.about.object("chat.completion.chunk", vec![choice]);
        if self.include_usage {
            object["usage"] = Value::Null;
        }
        object
    }
}

impl Chunks for Pieces {
    fn begin(&mut self) -> Vec<Value> {
        let delta = json!({ "role": "assistant", "content": "", "refusal": null });
        (0..self.n).map(|index| self.piece(index, delta.clone(), Value::Null, None)).collect()
    }

    fn hear(&mut self, choice: usize, event: &Event) -> Option<Value> {
        match event {
            Event::Token(token) => {
                let entry = likelihoods::entry(&self.about.tokenizer, token);
                // Nothing is said for a token whose text is held back, unless its likelihood is wanted.
                if token.text.is_empty() && entry.is_none() {
                    return None;
                }
                let likelihoods = self.about.likelihoods(entry.into_iter().collect());
                Some(self.piece(choice, json!({ "content": token.text }), likelihoods, None))
            }
            Event::Ended { finish, text, .. } => {
                let delta = if text.is_empty() { json!({}) } else { json!({ "content": text }) };
                Some(self.piece(choice, delta, Value::Null, Some(finish_reason(*finish))))
            }
            Event::Failed(_) => None,
        }
    }

    fn end(&mut self, usage: &Usage) -> Option<Value> {
        self.include_usage.then(|| {
            let mut object = self.about.object("chat.completion.chunk", Vec::new());
            object["usage"] = usage.to_json();
            object
        })
    }
}
