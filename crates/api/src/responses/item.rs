//! The items of an answer.

use serde_json::{Value, json};

use crate::calls::{Call, Said};

/// What an item is.
pub enum Kind {
    /// What the model thought.
    Reasoning(String),
    /// Text.
    Message(String),
    /// A call, and the name that its answer gives.
    Call { call_id: String, call: Call },
}

/// An item of an answer.
pub struct Item {
    /// Its name.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// How far it is: `in_progress`, `completed`, `incomplete`.
    pub status: &'static str,
}

impl Kind {
    /// Of what was said; `call_id` names a call.
    pub fn of(said: Said, call_id: impl FnOnce() -> String) -> Kind {
        match said {
            Said::Reasoning(text) => Kind::Reasoning(text),
            Said::Content(text) => Kind::Message(text),
            Said::Call(call) => Kind::Call { call_id: call_id(), call },
        }
    }

    /// What the names of such items begin with.
    pub fn prefix(&self) -> &'static str {
        match self {
            Kind::Reasoning(_) => "rs",
            Kind::Message(_) => "msg",
            Kind::Call { .. } => "fc",
        }
    }

    /// Goes on with text of the same kind; gives back what is another item.
    pub fn go_on(&mut self, more: Kind) -> Option<Kind> {
        match (self, more) {
            (Kind::Reasoning(text), Kind::Reasoning(more)) | (Kind::Message(text), Kind::Message(more)) => {
                text.push_str(&more);
                None
            }
            (_, more) => Some(more),
        }
    }

    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Kind::Reasoning(text) | Kind::Message(text) => text,
            Kind::Call { call, .. } => &call.arguments,
        }
    }

    /// What its events are called before `.delta` and `.done`, and what its text is called when it is done.
    pub fn events(&self) -> (&'static str, &'static str) {
        match self {
            Kind::Reasoning(_) => ("response.reasoning_text", "text"),
            Kind::Message(_) => ("response.output_text", "text"),
            Kind::Call { .. } => ("response.function_call_arguments", "arguments"),
        }
    }

    /// Its one part with this text; a call has none.
    pub fn part(&self, text: &str) -> Option<Value> {
        match self {
            Kind::Reasoning(_) => Some(json!({ "type": "reasoning_text", "text": text })),
            Kind::Message(_) => Some(json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })),
            Kind::Call { .. } => None,
        }
    }
}

impl Item {
    /// With these parts, or with these arguments.
    fn with(&self, parts: Vec<Value>, arguments: &str) -> Value {
        let Item { id, kind, status } = self;
        match kind {
            Kind::Reasoning(_) => {
                json!({ "id": id, "type": "reasoning", "summary": [], "content": parts, "status": status })
            }
            Kind::Message(_) => {
                json!({ "id": id, "type": "message", "role": "assistant", "content": parts, "status": status })
            }
            Kind::Call { call_id, call } => json!({
                "id": id,
                "type": "function_call",
                "call_id": call_id,
                "name": call.name,
                "arguments": arguments,
                "status": status,
            }),
        }
    }

    /// Before anything of it is said.
    pub fn beginning(&self) -> Value {
        self.with(Vec::new(), "")
    }

    /// As far as it is.
    pub fn to_json(&self) -> Value {
        let text = self.kind.text();
        self.with(self.kind.part(text).into_iter().collect(), text)
    }
}
