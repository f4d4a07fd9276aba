//! What was said so far.

use anyhow::bail;
use plimsoll_engine::{Session, TemplateRequest};
use serde_json::{Map, Value, json};

use crate::args::Run;

/// The messages so far, and what the template is told besides.
pub struct Conversation {
    messages: Vec<Value>,
    variables: Map<String, Value>,
    beginning: usize,
}

impl Conversation {
    /// Begins with the system message asked for.
    ///
    /// # Errors
    /// If a reasoning switch is asked for that the template does not have.
    pub fn new(command: &Run, session: &Session) -> anyhow::Result<Conversation> {
        let mut variables = Map::new();
        if command.think || command.no_think {
            if !session.template().is_some_and(|template| template.supports_thinking()) {
                bail!(
                    "{}: its template has no reasoning switch, so --think and --no-think would do nothing",
                    command.model
                );
            }
            variables.insert("enable_thinking".to_owned(), Value::Bool(command.think));
        }
        let system = command.system.as_ref().map(|text| json!({ "role": "system", "content": text }));
        let messages: Vec<Value> = system.into_iter().collect();
        Ok(Conversation { beginning: messages.len(), messages, variables })
    }

    /// Adds a message.
    pub fn say(&mut self, role: &str, content: &str) {
        self.messages.push(json!({ "role": role, "content": content }));
    }

    /// Takes the last message back.
    pub fn unsay(&mut self) {
        self.messages.pop();
    }

    /// Forgets everything but the system message.
    pub fn clear(&mut self) {
        self.messages.truncate(self.beginning);
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
