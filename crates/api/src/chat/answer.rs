//! Answers to a conversation, sent whole.

use std::sync::Arc;

use plimsoll_engine::Tokenizer;
use plimsoll_engine::batch::Event;
use serde_json::{Value, json};

use super::likelihoods;
use crate::calls::{self, Call, Dialect, Language, Reader, Said};
use crate::error::ApiError;
use crate::identity::{Identity, random};
use crate::stream::Usage;

/// How an answer is read.
pub struct Reading {
    /// How the model writes calls and thinking.
    pub language: Language,
    /// The tools that it may call, where calls are looked for.
    pub callable: Option<Vec<String>>,
    /// Whether the answer begins with thinking.
    pub is_thinking: bool,
}

/// What every part of an answer says of it.
pub struct About {
    /// Its name, and the model's.
    pub identity: Identity,
    /// The model's.
    pub tokenizer: Arc<Tokenizer>,
    with_likelihoods: bool,
    reading: Reading,
    /// What the names of calls are drawn from.
    seed: u64,
}

impl About {
    /// Of an answer by `model` that begins now.
    pub fn new(
        model: &str,
        tokenizer: Arc<Tokenizer>,
        with_likelihoods: bool,
        reading: Reading,
    ) -> Result<About, ApiError> {
        let (identity, seed) = (Identity::now("chatcmpl", model)?, random()?);
        Ok(About { identity, tokenizer, with_likelihoods, reading, seed })
    }

    /// What hears one of its answers.
    pub fn reader(&self) -> Reader {
        let Reading { language, callable, is_thinking } = &self.reading;
        Reader::new(Arc::clone(&self.tokenizer), language, callable.clone(), *is_thinking)
    }

    /// The name of call `index` of an answer.
    pub fn call_id(&self, choice: usize, index: usize) -> String {
        let letters = self.reading.language.dialect.map_or(24, Dialect::id_letters);
        calls::id(self.seed, (choice as u64) << 32 | index as u64, letters)
    }

    /// The likelihoods of tokens, where they are wanted.
    pub fn likelihoods(&self, entries: Vec<Value>) -> Value {
        match self.with_likelihoods {
            true => json!({ "content": entries, "refusal": null }),
            false => Value::Null,
        }
    }
}

/// How many tokens there were, with those of the thinking.
pub fn usage_json(usage: &Usage, readers: impl Iterator<Item = usize>) -> Value {
    let mut usage = usage.to_json();
    usage["completion_tokens_details"]["reasoning_tokens"] = json!(readers.sum::<usize>());
    usage
}

/// Answers that are sent whole.
pub struct Whole {
    about: About,
    choices: Vec<Choice>,
}

struct Choice {
    reader: Reader,
    text: String,
    reasoning: String,
    calls: Vec<Call>,
    likelihoods: Vec<Value>,
    finish: Option<&'static str>,
}

impl Choice {
    fn new(reader: Reader) -> Choice {
        let (text, reasoning) = (String::new(), String::new());
        Choice { reader, text, reasoning, calls: Vec::new(), likelihoods: Vec::new(), finish: None }
    }

    /// OpenAI's message; calls are named by `call_id`.
    fn message(&self, call_id: impl Fn(usize) -> String) -> Value {
        let is_only_calls = self.text.is_empty() && !self.calls.is_empty();
        let content = if is_only_calls { Value::Null } else { self.text.as_str().into() };
        let mut message = json!({ "role": "assistant", "content": content, "refusal": null, "annotations": [] });
        if !self.reasoning.is_empty() {
            // Clients read either name.
            message["reasoning_content"] = self.reasoning.as_str().into();
            message["reasoning"] = self.reasoning.as_str().into();
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().enumerate().map(|(index, Call { name, arguments })| {
                let function = json!({ "name": name, "arguments": arguments });
                json!({ "id": call_id(index), "type": "function", "function": function })
            });
            message["tool_calls"] = calls.collect();
        }
        message
    }
}

impl Whole {
    /// `n` answers of which nothing is heard yet.
    pub fn new(about: About, n: usize) -> Whole {
        let choices = (0..n).map(|_| Choice::new(about.reader())).collect();
        Whole { about, choices }
    }

    /// Hears what came of one.
    pub fn hear(&mut self, choice: usize, event: &Event) {
        let choice = &mut self.choices[choice];
        for said in choice.reader.hear(event) {
            match said {
                Said::Content(text) => choice.text.push_str(&text),
                Said::Reasoning(text) => choice.reasoning.push_str(&text),
                Said::Call(call) => choice.calls.push(call),
            }
        }
        match event {
            Event::Token(token) => choice.likelihoods.extend(likelihoods::entry(&self.about.tokenizer, token)),
            Event::Ended { finish, .. } => choice.finish = Some(choice.reader.finish_reason(*finish)),
            Event::Failed(_) => {}
        }
    }

    /// The body of the response.
    pub fn into_json(self, usage: &Usage) -> Value {
        let Whole { about, mut choices } = self;
        let usage = usage_json(usage, choices.iter().map(|choice| choice.reader.reasoning_tokens));
        let choices = choices.iter_mut().enumerate().map(|(index, choice)| {
            json!({
                "index": index,
                "message": choice.message(|call| about.call_id(index, call)),
                "logprobs": about.likelihoods(std::mem::take(&mut choice.likelihoods)),
                "finish_reason": choice.finish,
            })
        });
        let mut object = about.identity.object("chat.completion", choices.collect());
        object["usage"] = usage;
        object
    }
}
