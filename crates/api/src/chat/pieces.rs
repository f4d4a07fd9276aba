//! Answers to a conversation, sent piece by piece.

use plimsoll_engine::batch::Event;
use serde_json::{Value, json};

use super::answer::{About, finish_reason, usage_json};
use super::likelihoods;
use crate::calls::{Call, Reader, Said};
use crate::stream::{Chunks, Framing, Usage};

/// Answers that are sent piece by piece.
pub struct Pieces {
    about: About,
    readers: Vec<Reader>,
    /// Calls of each that were sent.
    called: Vec<usize>,
    include_usage: bool,
}

impl Pieces {
    /// Of `n` answers of which nothing is heard yet; the last piece tells how many tokens there were if `include_usage`.
    pub fn new(about: About, n: usize, include_usage: bool) -> Pieces {
        let readers = (0..n).map(|_| about.hearing.reader()).collect();
        Pieces { about, readers, called: vec![0; n], include_usage }
    }

    fn piece(&self, index: usize, delta: Value, likelihoods: Value, finish: Option<&str>) -> Value {
        let choice = json!({ "index": index, "delta": delta, "logprobs": likelihoods, "finish_reason": finish });
        let mut piece = self.about.identity.object("chat.completion.chunk", vec![choice]);
        if self.include_usage {
            piece["usage"] = Value::Null;
        }
        piece
    }

    /// What is said as OpenAI's deltas; a call's arguments come after its name.
    fn deltas(&mut self, choice: usize, said: Vec<Said>) -> Vec<Value> {
        let mut deltas = Vec::new();
        for said in said {
            match said {
                Said::Content(text) => deltas.push(json!({ "content": text })),
                Said::Reasoning(text) => deltas.push(json!({ "reasoning_content": text, "reasoning": text })),
                Said::Call(Call { name, arguments }) => {
                    let index = self.called[choice];
                    self.called[choice] += 1;
                    let id = self.about.hearing.call_id(choice, index);
                    let function = json!({ "name": name, "arguments": "" });
                    let call = json!({ "index": index, "id": id, "type": "function", "function": function });
                    let rest = json!({ "index": index, "function": { "arguments": arguments } });
                    deltas.extend([json!({ "tool_calls": [call] }), json!({ "tool_calls": [rest] })]);
                }
            }
        }
        deltas
    }
}

impl Chunks for Pieces {
    const FRAMING: Framing = Framing::Data;

    fn begin(&mut self, _: &Usage) -> Vec<Value> {
        let delta = json!({ "role": "assistant", "content": "", "refusal": null });
        (0..self.readers.len()).map(|index| self.piece(index, delta.clone(), Value::Null, None)).collect()
    }

    fn hear(&mut self, choice: usize, event: &Event) -> Vec<Value> {
        let said = self.readers[choice].hear(event);
        let mut deltas = self.deltas(choice, said);
        let (entry, finish) = match event {
            Event::Token(token) => (likelihoods::entry(&self.about.hearing.tokenizer, token), None),
            Event::Ended { finish, .. } => (None, Some(finish_reason(self.readers[choice].ending(*finish)))),
            Event::Failed(_) => return Vec::new(),
        };
        // Nothing is said for a token whose text is held back, unless its likelihood is wanted.
        if deltas.is_empty() && entry.is_some() {
            deltas.push(json!({ "content": "" }));
        }
        if deltas.is_empty() && finish.is_some() {
            deltas.push(json!({}));
        }
        let (n, mut entries) = (deltas.len(), Vec::from_iter(entry));
        let pieces = deltas.into_iter().enumerate().map(|(at, delta)| {
            // The likelihood goes with the first, the end with the last.
            let entries = std::mem::take(&mut entries);
            let is_told = matches!(event, Event::Token(_)) && at == 0;
            let likelihoods = if is_told { self.about.likelihoods(entries) } else { Value::Null };
            self.piece(choice, delta, likelihoods, finish.filter(|_| at + 1 == n))
        });
        pieces.collect()
    }

    fn end(&mut self, usage: &Usage) -> Vec<Value> {
        if !self.include_usage {
            return Vec::new();
        }
        let mut object = self.about.identity.object("chat.completion.chunk", Vec::new());
        object["usage"] = usage_json(usage, self.readers.iter().map(|reader| reader.reasoning_tokens));
        vec![object]
    }
}
