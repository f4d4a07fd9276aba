//! What an answer says, and what its model only thinks: which of an answer's tokens are which, by the marks that the
//! model's template puts around them.
//!
//! A [`Speech`] hears the tokens of one answer in order and tells [`Spoken`]s, the same ones however its text was cut.

mod between;
mod channels;
mod find;
mod form;
mod spelled;
#[cfg(test)]
mod tables;
mod weave;

/// What parts and names the messages of an answer with channels.
pub mod marks {
    pub use super::channels::{CHANNEL, END, FINAL, MESSAGE, SPEAKER, START, THOUGHT};
}

pub use find::Find;
pub use form::{Markers, Opening, SpeechForm};
pub(crate) use spelled::Spelled;

use between::Between;
use channels::Channels;
use weave::Weave;

use crate::Tokenizer;

/// Part of an answer, in the order of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text, not empty.
    Text(String),
    /// A control token, which the text does not show.
    Control(String),
}

/// What an answer goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spoken {
    /// More of what the model thinks.
    Thought(String),
    /// More of the answer.
    Answer(Part),
    /// A message to somebody else than the user, whole: a call, where `to` is a tool.
    Addressed {
        /// To whom, as the model wrote it.
        to: String,
        /// What it says.
        content: String,
    },
}

/// Hears one answer.
pub struct Speech {
    weave: Weave,
    listener: Listener,
}

enum Listener {
    Plain,
    Between(Between),
    Channels(Channels),
}

impl Speech {
    /// Of an answer that begins so; `strips` where a space at its beginning is not shown.
    pub fn new(form: SpeechForm, opening: Opening, strips: bool) -> Speech {
        let listener = match form {
            SpeechForm::Plain => Listener::Plain,
            SpeechForm::Between(markers) => Listener::Between(Between::new(markers, opening == Opening::Thinking)),
            SpeechForm::Channels => Listener::Channels(Channels::new(opening)),
        };
        Speech { weave: Weave::new(strips), listener }
    }

    /// Hears a token, with what text was certain then.
    pub fn token(&mut self, tokenizer: &Tokenizer, id: u32, released: &str) -> Vec<Spoken> {
        let bytes = tokenizer.token_bytes(id);
        let parts = match tokenizer.is_control(id) {
            true => self.weave.control(String::from_utf8_lossy(bytes).into_owned(), released),
            false => self.weave.text(bytes, released),
        };
        self.parts(parts)
    }

    /// The end of the answer, with the last of its text.
    pub fn end(&mut self, released: &str) -> Vec<Spoken> {
        let parts = self.weave.end(released);
        let mut spoken = self.parts(parts);
        match &mut self.listener {
            Listener::Plain => {}
            Listener::Between(between) => between.end(&mut spoken),
            Listener::Channels(channels) => channels.end(&mut spoken),
        }
        spoken
    }

    /// Whether the model is thinking.
    pub fn is_thinking(&self) -> bool {
        match &self.listener {
            Listener::Plain => false,
            Listener::Between(between) => between.is_inside(),
            Listener::Channels(channels) => channels.is_thinking(),
        }
    }

    /// Hears parts that are in order already.
    pub fn parts(&mut self, parts: Vec<Part>) -> Vec<Spoken> {
        let mut spoken = Vec::new();
        for part in parts {
            match &mut self.listener {
                Listener::Plain => spoken.push(Spoken::Answer(part)),
                Listener::Between(between) => between.hear(part, &mut spoken),
                Listener::Channels(channels) => channels.hear(part, &mut spoken),
            }
        }
        spoken
    }
}
