//! What was said so far.

use serde_json::{Map, Value, json};

use crate::{EncodedImage, Generation, Parted, TemplateRequest};

/// The messages of a chat, and what the template is told besides.
#[derive(Debug, Clone)]
pub struct Conversation {
    messages: Vec<Value>,
    /// The images of the messages, in order, and in which message each stands.
    images: Vec<EncodedImage>,
    message_of_image: Vec<usize>,
    variables: Map<String, Value>,
    beginning: usize,
}

impl Conversation {
    /// Begins with a system message, if there is one. `variables` are what the template may read besides
    /// (`enable_thinking`, …).
    pub fn new(system: Option<&str>, variables: Map<String, Value>) -> Conversation {
        let messages: Vec<Value> = system.iter().map(|text| json!({ "role": "system", "content": text })).collect();
        let beginning = messages.len();
        Conversation { beginning, messages, images: Vec::new(), message_of_image: Vec::new(), variables }
    }

    /// The next message will show this image.
    pub fn show(&mut self, image: EncodedImage) {
        self.images.push(image);
        self.message_of_image.push(self.messages.len());
    }

    /// Adds a message.
    pub fn say(&mut self, role: &str, content: &str) {
        let images =
            self.message_of_image.iter().zip(&self.images).filter(|(message, _)| **message == self.messages.len());
        let mut parts: Vec<Value> = images.map(|(_, image)| image.part()).collect();
        let content = if parts.is_empty() {
            Value::from(content)
        } else {
            parts.push(json!({ "type": "text", "text": content }));
            Value::Array(parts)
        };
        self.messages.push(json!({ "role": role, "content": content }));
    }

    /// Adds the model's answer, what it thought apart from what it said where the two are known apart.
    pub fn reply(&mut self, answer: &Generation) {
        match &answer.parted {
            Some(Parted { thought, content }) if !content.is_empty() => self.reply_with(thought, content),
            // Of an answer that was cut within its thinking too: templates refuse a message that says nothing.
            _ => self.reply_with("", &answer.text),
        }
    }

    /// Adds an answer of the model's: what it thought, if anything, and what it said.
    pub fn reply_with(&mut self, thought: &str, content: &str) {
        self.say("assistant", content);
        if let Some(message) = self.messages.last_mut().filter(|_| !thought.is_empty()) {
            message["reasoning_content"] = thought.into();
        }
    }

    /// Takes the last message back, with what it showed.
    pub fn unsay(&mut self) {
        self.messages.pop();
        self.keep_images(self.messages.len());
    }

    /// Forgets everything but the system message.
    pub fn clear(&mut self) {
        self.messages.truncate(self.beginning);
        self.keep_images(self.beginning);
    }

    /// The system message.
    pub fn system(&self) -> Option<&str> {
        self.messages[..self.beginning].first()?["content"].as_str()
    }

    /// Puts another system message, or none, before what was said.
    pub fn set_system(&mut self, system: Option<&str>) {
        let new: Vec<Value> = system.iter().map(|text| json!({ "role": "system", "content": text })).collect();
        let (old, now) = (self.beginning, new.len());
        self.messages.splice(..old, new);
        self.message_of_image.iter_mut().for_each(|message| *message = *message - old + now);
        self.beginning = now;
    }

    /// What the template may read besides, from the next answer on.
    pub fn set_variables(&mut self, variables: Map<String, Value>) {
        self.variables = variables;
    }

    /// The messages, the system message first. A part that shows an image stands for the next of [`Conversation::images`].
    pub fn messages(&self) -> &[Value] {
        &self.messages
    }

    fn keep_images(&mut self, n_messages: usize) {
        let kept = self.message_of_image.partition_point(|message| *message < n_messages);
        self.message_of_image.truncate(kept);
        self.images.truncate(kept);
    }

    /// The images of the messages, in order.
    pub fn images(&self) -> &[EncodedImage] {
        &self.images
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_system_message_leaves_what_was_said() {
        let mut talk = Conversation::new(None, Map::new());
        talk.say("user", "Hello");
        for system in [Some("Be brief."), Some("Be kind."), None] {
            talk.set_system(system);
            assert_eq!(talk.system(), system);
            assert_eq!(talk.messages().last(), Some(&json!({ "role": "user", "content": "Hello" })));
            assert_eq!(talk.messages().len(), 1 + usize::from(system.is_some()));
        }
        talk.set_system(Some("Be brief."));
        talk.clear();
        assert_eq!((talk.messages().len(), talk.system()), (1, Some("Be brief.")));
    }

    #[test]
    fn an_answer_that_was_cut_while_the_model_thought_says_something() {
        let answer = |thought: &str, content: &str| Generation {
            text: format!("<think>\n{thought}{content}"),
            parted: Some(Parted { thought: thought.to_owned(), content: content.to_owned() }),
            tokens: vec![],
            finish: crate::Finish::Length,
            timings: crate::Timings::default(),
        };
        let mut talk = Conversation::new(None, Map::new());
        talk.reply(&answer("Hm", ""));
        talk.reply(&answer("Hm", "Yes"));
        let cut = json!({ "role": "assistant", "content": "<think>\nHm" });
        let whole = json!({ "role": "assistant", "content": "Yes", "reasoning_content": "Hm" });
        assert_eq!(talk.messages(), [cut, whole]);
    }
}
