//! Continuations, whole and piece by piece.

use std::sync::Arc;

use plimsoll_engine::batch::{ChosenToken, Event, Likelihood};
use plimsoll_engine::{Finish, Tokenizer};
use serde_json::{Map, Value, json};

use super::echo::Echo;
use crate::error::ApiError;
use crate::identity::Identity;
use crate::stream::{Chunks, Counts, Framing, Usage};

/// What every part of an answer says of it.
pub struct About {
    identity: Identity,
    tokenizer: Arc<Tokenizer>,
    with_likelihoods: bool,
}

impl About {
    /// Of an answer by `model` that begins now.
    pub fn new(model: &str, tokenizer: Arc<Tokenizer>, with_likelihoods: bool) -> Result<About, ApiError> {
        Ok(About { identity: Identity::now("cmpl", model)?, tokenizer, with_likelihoods })
    }

    fn object(&self, choices: Vec<Value>) -> Value {
        self.identity.object("text_completion", choices)
    }

    fn name(&self, id: u32) -> String {
        String::from_utf8_lossy(self.tokenizer.token_bytes(id)).into_owned()
    }
}

/// OpenAI's name for why a continuation ended.
fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::Interrupted => "stop",
        Finish::Length | Finish::ContextFull => "length",
    }
}

/// Tokens with their likelihoods, side by side as completions tell them.
#[derive(Default)]
struct Likelihoods {
    tokens: Vec<String>,
    of_tokens: Vec<Option<f64>>,
    alternatives: Vec<Value>,
    offsets: Vec<usize>,
}

impl Likelihoods {
    fn push(&mut self, about: &About, token: &ChosenToken, offset: usize) {
        let likelihood = token.likelihood.as_ref();
        self.tokens.push(about.name(token.id));
        self.of_tokens.push(likelihood.map(|likelihood| likelihood.log_probability));
        self.alternatives.push(likelihood.map_or(Value::Null, |likelihood| alternatives(about, token.id, likelihood)));
        self.offsets.push(offset);
    }

    fn into_json(self) -> Value {
        let Likelihoods { tokens, of_tokens, alternatives, offsets } = self;
        json!({
            "tokens": tokens,
            "token_logprobs": of_tokens,
            "top_logprobs": alternatives,
            "text_offset": offsets,
        })
    }
}

/// The likeliest, and the token itself. Of tokens with one text the likelier stands: the form has room for one.
fn alternatives(about: &About, id: u32, likelihood: &Likelihood) -> Value {
    let mut named = Map::new();
    for (id, log_probability) in likelihood.likeliest.iter().copied().chain([(id, likelihood.log_probability)]) {
        named.entry(about.name(id)).or_insert_with(|| json!(log_probability));
    }
    Value::Object(named)
}

#[derive(Default)]
struct Choice {
    text: String,
    /// Characters of it that were sent before.
    sent: usize,
    likelihoods: Likelihoods,
    finish: Option<&'static str>,
}

/// Continuations, to be sent whole or in pieces.
pub struct Continuations {
    about: About,
    choices: Vec<Choice>,
    include_usage: bool,
}

impl Continuations {
    /// Continuations of which nothing is heard yet; `echoes` are the prompts, where they are said back. The last piece tells
    /// how many tokens there were if `include_usage`.
    pub fn new(about: About, counts: Counts, echoes: Vec<Echo>, include_usage: bool) -> Continuations {
        let choices = (0..counts.prompts * counts.n).map(|_| Choice::default()).collect();
        let mut all = Continuations { about, choices, include_usage };
        for (at, echo) in echoes.iter().enumerate() {
            for choice in at * counts.n..(at + 1) * counts.n {
                echo.iter().for_each(|token| all.add(choice, token));
            }
        }
        all
    }

    fn add(&mut self, choice: usize, token: &ChosenToken) {
        let choice = &mut self.choices[choice];
        if self.about.with_likelihoods {
            let offset = choice.sent + choice.text.chars().count();
            choice.likelihoods.push(&self.about, token, offset);
        }
        choice.text.push_str(&token.text);
    }

    /// Hears what came of one.
    pub fn take_in(&mut self, choice: usize, event: &Event) {
        match event {
            Event::Token(token) => self.add(choice, token),
            Event::Ended { finish, text, .. } => {
                self.choices[choice].text.push_str(text);
                self.choices[choice].finish = Some(finish_reason(*finish));
            }
            Event::Failed(_) => {}
        }
    }

    /// What one has since it was taken last.
    fn take(&mut self, index: usize) -> Value {
        let choice = &mut self.choices[index];
        let text = std::mem::take(&mut choice.text);
        choice.sent += text.chars().count();
        let likelihoods = std::mem::take(&mut choice.likelihoods);
        let likelihoods = if self.about.with_likelihoods { likelihoods.into_json() } else { Value::Null };
        json!({ "text": text, "index": index, "logprobs": likelihoods, "finish_reason": choice.finish })
    }

    /// The same as a piece.
    fn piece(&mut self, index: usize) -> Value {
        let choice = self.take(index);
        let mut piece = self.about.object(vec![choice]);
        if self.include_usage {
            piece["usage"] = Value::Null;
        }
        piece
    }

    /// The body of the response.
    pub fn into_json(mut self, usage: &Usage) -> Value {
        let choices = (0..self.choices.len()).map(|index| self.take(index)).collect();
        let mut object = self.about.object(choices);
        object["usage"] = usage.to_json();
        object
    }
}

impl Chunks for Continuations {
    const FRAMING: Framing = Framing::Data;

    fn begin(&mut self, _: &Usage) -> Vec<Value> {
        let with_echo: Vec<usize> =
            (0..self.choices.len()).filter(|index| !self.choices[*index].text.is_empty()).collect();
        with_echo.into_iter().map(|index| self.piece(index)).collect()
    }

    fn hear(&mut self, choice: usize, event: &Event) -> Vec<Value> {
        self.take_in(choice, event);
        let is_silent = matches!(event, Event::Token(token) if token.text.is_empty() && token.likelihood.is_none());
        (!is_silent).then(|| self.piece(choice)).into_iter().collect()
    }

    fn end(&mut self, usage: &Usage) -> Vec<Value> {
        if !self.include_usage {
            return Vec::new();
        }
        let mut object = self.about.object(Vec::new());
        object["usage"] = usage.to_json();
        vec![object]
    }
}
