//! Answers to a conversation, sent whole.

use plimsoll_engine::batch::Event;
use serde_json::{Value, json};

use super::likelihoods;
use crate::calls::{Call, Ending, Reader, Said};
use crate::conversation::Hearing;
use crate::error::ApiError;
use crate::identity::Identity;
use crate::stream::Usage;

/// What every part of an answer says of it.
pub struct About {
    /// Its name, and the model's.
    pub identity: Identity,
    /// How it is heard.
    pub hearing: Hearing,
    with_likelihoods: bool,
}

impl About {
    /// Of an answer by `model` that begins now.
    pub fn new(model: &str, hearing: Hearing, with_likelihoods: bool) -> Result<About, ApiError> {
        Ok(About { identity: Identity::now("chatcmpl", model)?, hearing, with_likelihoods })
    }

    /// The likelihoods of tokens, where they are wanted.
    pub fn likelihoods(&self, entries: Vec<Value>) -> Value {
        match self.with_likelihoods {
            true => json!({ "content": entries, "refusal": null }),
            false => Value::Null,
        }
    }
}

/// OpenAI's name for why an answer ended.
pub fn finish_reason(ending: Ending) -> &'static str {
    match ending {
        Ending::Complete => "stop",
        Ending::Called => "tool_calls",
        Ending::Cut => "length",
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
        let choices = (0..n).map(|_| Choice::new(about.hearing.reader())).collect();
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
            Event::Token(token) => choice.likelihoods.extend(likelihoods::entry(&self.about.hearing.tokenizer, token)),
            Event::Ended { finish, .. } => choice.finish = Some(finish_reason(choice.reader.ending(*finish))),
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
                "message": choice.message(|call| about.hearing.call_id(index, call)),
                "logprobs": about.likelihoods(std::mem::take(&mut choice.likelihoods)),
                "finish_reason": choice.finish,
            })
        });
        let mut object = about.identity.object("chat.completion", choices.collect());
        object["usage"] = usage;
        object
    }
}
