//! Messages as templates read them, for APIs whose own are others.

use plimsoll_engine::TemplateRequest;
use serde_json::{Map, Value, json};

use super::Told;
use super::tools::Tools;
use crate::pictures::Sent;

/// What a message shows: text, and pictures where they stand in it.
#[derive(Default)]
pub struct Content {
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    Picture,
}

impl Content {
    /// Text alone.
    pub fn text(text: impl Into<String>) -> Content {
        Content { parts: vec![Part::Text(text.into())] }
    }

    /// Whether there is nothing, not even an empty text.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Adds text.
    pub fn push_text(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Text(text.into()));
    }

    /// Adds a picture, which `pictures` gets.
    pub fn push_picture(&mut self, picture: Sent, pictures: &mut Vec<Sent>) {
        self.parts.push(Part::Picture);
        pictures.push(picture);
    }

    /// Parts where there are pictures, else one text, with a line for each of several.
    fn into_json(self) -> Value {
        if self.parts.iter().any(|part| matches!(part, Part::Picture)) {
            let part = |part| match part {
                Part::Text(text) => json!({ "type": "text", "text": text }),
                Part::Picture => json!({ "type": "image" }),
            };
            return self.parts.into_iter().map(part).collect();
        }
        let texts = self.parts.into_iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            Part::Picture => None,
        });
        texts.collect::<Vec<String>>().join("\n").into()
    }
}

/// A call in a message of the model's.
pub struct PastCall {
    /// Its name, by which an answer says what it answers.
    pub id: String,
    /// The tool.
    pub name: String,
    /// What it was called with.
    pub arguments: Map<String, Value>,
}

/// The messages so far.
#[derive(Default)]
pub struct Messages {
    messages: Vec<Value>,
    /// The pictures that they show, in order.
    pub pictures: Vec<Sent>,
    /// The calls so far, with their names and tools.
    called: Vec<(String, String)>,
}

impl Messages {
    /// How many calls there are in them.
    pub fn calls(&self) -> usize {
        self.called.len()
    }

    /// Adds what the system or the user says.
    pub fn push(&mut self, role: &str, content: Content) {
        self.messages.push(json!({ "role": role, "content": content.into_json() }));
    }

    /// Adds what the system says, to what it just said, if it did: many templates take one such message, the first.
    pub fn push_system(&mut self, content: Content) {
        let last = self.messages.last_mut().filter(|last| last["role"] == "system" && last["content"].is_string());
        match (last, content.into_json()) {
            (Some(Value::Object(last)), Value::String(more)) => {
                let said = last["content"].as_str().unwrap_or_default();
                last["content"] = format!("{said}\n{more}").into();
            }
            (_, content) => self.messages.push(json!({ "role": "system", "content": content })),
        }
    }

    /// Adds what the model said: what it thought, its text, its calls.
    pub fn push_model(&mut self, reasoning: &str, content: Content, calls: Vec<PastCall>) {
        let mut message = json!({ "role": "assistant", "content": content.into_json() });
        if !reasoning.is_empty() {
            message["reasoning_content"] = reasoning.into();
        }
        if !calls.is_empty() {
            self.called.extend(calls.iter().map(|call| (call.id.clone(), call.name.clone())));
            let calls = calls.into_iter().map(|PastCall { id, name, arguments }| {
                json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
            });
            message["tool_calls"] = calls.collect();
        }
        self.messages.push(message);
    }

    /// Adds what a tool answered to the call `id`; whether there was that call.
    #[must_use]
    pub fn push_tool(&mut self, id: &str, content: Content) -> bool {
        let Some((_, name)) = self.called.iter().rfind(|(called, _)| called == id) else { return false };
        let content = content.into_json();
        self.messages.push(json!({ "role": "tool", "tool_call_id": id, "name": name, "content": content }));
        true
    }

    /// The first call of `tool`, of any tool where none is named, that nothing answers yet.
    pub fn unanswered(&self, tool: Option<&str>) -> Option<String> {
        let answers = |id: &str| self.messages.iter().any(|message| message["tool_call_id"] == id);
        let mut open = self.called.iter().filter(|(id, _)| !answers(id));
        open.find(|(_, name)| tool.is_none_or(|tool| tool == name)).map(|(id, _)| id.clone())
    }

    /// What the model is told; it goes on with the last message where that is its own and calls nothing.
    pub fn told(self, tools: Option<Tools>) -> Told {
        let Messages { messages, pictures, .. } = self;
        let goes_on =
            messages.last().is_some_and(|last| last["role"] == "assistant" && last.get("tool_calls").is_none());
        let template = TemplateRequest {
            messages: Value::Array(messages),
            add_generation_prompt: !goes_on,
            continue_final_message: goes_on.then(|| "content".to_owned()),
            ..TemplateRequest::default()
        };
        Told { template, pictures, tools }
    }
}
