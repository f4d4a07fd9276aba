//! What was said so far.

use serde_json::{Map, Value, json};

use crate::{Seen, TemplateRequest};

/// The messages of a chat, and what the template is told besides.
#[derive(Debug, Clone)]
pub struct Conversation {
    messages: Vec<Value>,
    /// What the messages show, in order, and in which message each stands.
    seen: Vec<Seen>,
    shown_in: Vec<usize>,
    variables: Map<String, Value>,
    beginning: usize,
}

impl Conversation {
    /// Begins with a system message, if there is one. `variables` are what the template may read besides
    /// (`enable_thinking`, …).
    pub fn new(system: Option<&str>, variables: Map<String, Value>) -> Conversation {
        let messages: Vec<Value> = system.iter().map(|text| json!({ "role": "system", "content": text })).collect();
        let beginning = messages.len();
        Conversation { beginning, messages, seen: Vec::new(), shown_in: Vec::new(), variables }
    }

    /// The next message will show this.
    pub fn show(&mut self, seen: Seen) {
        self.seen.push(seen);
        self.shown_in.push(self.messages.len());
    }

    /// Adds a message.
    pub fn say(&mut self, role: &str, content: &str) {
        let shown = self.shown_in.iter().zip(&self.seen).filter(|(message, _)| **message == self.messages.len());
        let mut parts: Vec<Value> = shown.map(|(_, seen)| seen.part()).collect();
        let content = if parts.is_empty() {
            Value::from(content)
        } else {
            parts.push(json!({ "type": "text", "text": content }));
            Value::Array(parts)
        };
        self.messages.push(json!({ "role": role, "content": content }));
    }

    /// Takes the last message back, with what it showed.
    pub fn unsay(&mut self) {
        self.messages.pop();
        self.keep_shown(self.messages.len());
    }

    /// Forgets everything but the system message.
    pub fn clear(&mut self) {
        self.messages.truncate(self.beginning);
        self.keep_shown(self.beginning);
    }

    fn keep_shown(&mut self, n_messages: usize) {
        let kept = self.shown_in.partition_point(|message| *message < n_messages);
        self.shown_in.truncate(kept);
        self.seen.truncate(kept);
    }

    /// What the messages show.
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// The request that opens the assistant's turn.
    pub fn request(&self) -> TemplateRequest {
        TemplateRequest {
            messages: Value::Array(self.messages.clone()),
            add_generation_prompt: true,
            variables: self.variables.clone(),
            ..Default::default()
        }
    }
}
