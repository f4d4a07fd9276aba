//! What an answer says besides its text: what the model thought first, and which tools it calls.
//!
//! A [`Reader`] hears the tokens of one answer in order and tells [`Said`]s: the same ones whether the answer is sent
//! whole or in pieces, and however its text was cut. A call is told once it is complete; text that began like one and is
//! none is released as it was.

mod arguments;
mod block;
mod braced;
mod braces;
mod channels;
mod grammar;
mod id;
mod kinds;
mod language;
mod literal;
mod parse;
mod reader;
mod scan;
mod tags;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod written;

use std::sync::Arc;

use plimsoll_engine::batch::{ChosenToken, Event};
use plimsoll_engine::speech::{Opening, Part, Speech, Spoken};
use plimsoll_engine::{Finish, Tokenizer};
use serde_json::Value;

pub use grammar::{Callable, Calling, Writer};
use id::id;
pub use language::Language;
use reader::Calls;

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// A JSON object, as the model wrote it.
    pub arguments: String,
}

/// A tool, as whoever reads its calls has to know it.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// The schema of its arguments, by which values are read that are written without quotes.
    pub parameters: Value,
}

/// What an answer goes on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// More of what the model thinks before it answers.
    Reasoning(String),
    /// More of the answer's text.
    Content(String),
    /// A call.
    Call(Call),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There was no more to say, or a text appeared that ends it.
    Complete,
    /// So that what was called can answer.
    Called,
    /// It may have no more tokens.
    Cut,
}

/// Hears one answer.
pub struct Reader {
    tokenizer: Arc<Tokenizer>,
    speech: Speech,
    calls: Option<Calls>,
    /// Tokens of the thinking, with the markers right before and behind it.
    pub reasoning_tokens: usize,
    /// Calls that were told.
    pub called: usize,
}

impl Reader {
    /// Of an answer in `language`, which begins so; `tools` are those that may be called, where calls are to be read at
    /// all.
    pub fn new(
        tokenizer: Arc<Tokenizer>,
        language: &Language,
        tools: Option<Arc<[Known]>>,
        opening: Opening,
    ) -> Reader {
        let calls = tools.and_then(|tools| Some(Calls::new(language.dialect?, tools)));
        let speech = Speech::new(language.form, opening, tokenizer.strips_first_space());
        Reader { speech, tokenizer, calls, reasoning_tokens: 0, called: 0 }
    }

    /// Hears what came of the answer.
    pub fn hear(&mut self, event: &Event) -> Vec<Said> {
        match event {
            Event::Token(token) => self.token(token),
            Event::Ended { text, .. } => {
                let mut said = Vec::new();
                let spoken = self.speech.end(text);
                self.read(spoken, &mut said);
                if let Some(calls) = &mut self.calls {
                    calls.end(&mut said);
                }
                merged(self.counted(said))
            }
            Event::Failed(_) => Vec::new(),
        }
    }

    fn token(&mut self, token: &ChosenToken) -> Vec<Said> {
        let was_thinking = self.speech.is_thinking();
        let spoken = self.speech.token(&self.tokenizer, token.id, &token.text);
        let mut said = Vec::new();
        self.read(spoken, &mut said);
        self.reasoning_tokens += usize::from(was_thinking || self.speech.is_thinking());
        merged(self.counted(said))
    }

    fn read(&mut self, spoken: Vec<Spoken>, said: &mut Vec<Said>) {
        for spoken in spoken {
            read(&mut self.calls, spoken, said);
        }
    }

    fn counted(&mut self, said: Vec<Said>) -> Vec<Said> {
        self.called += said.iter().filter(|said| matches!(said, Said::Call(_))).count();
        said
    }

    /// Why the answer ended: for calls only where it ended by itself after one.
    pub fn ending(&self, finish: Finish) -> Ending {
        match finish {
            Finish::Length | Finish::ContextFull => Ending::Cut,
            Finish::Stop | Finish::Interrupted if self.called > 0 => Ending::Called,
            Finish::Stop | Finish::Interrupted => Ending::Complete,
        }
    }
}

/// Reads the calls of what is spoken, where any are looked for.
fn read(calls: &mut Option<Calls>, spoken: Spoken, said: &mut Vec<Said>) {
    match (calls, spoken) {
        (_, Spoken::Thought(text)) => said.push(Said::Reasoning(text)),
        (Some(calls), Spoken::Answer(part)) => calls.hear(&part, said),
        (Some(calls), Spoken::Addressed { to, content }) => calls.addressed(&to, content, said),
        (None, Spoken::Answer(Part::Text(text)) | Spoken::Addressed { content: text, .. }) => {
            said.push(Said::Content(text));
        }
        (None, Spoken::Answer(Part::Control(_))) => {}
    }
}

/// Neighbours of one kind as one.
fn merged(said: Vec<Said>) -> Vec<Said> {
    let mut merged: Vec<Said> = Vec::new();
    for next in said {
        match (merged.last_mut(), next) {
            (Some(Said::Content(text)), Said::Content(more)) | (Some(Said::Reasoning(text)), Said::Reasoning(more)) => {
                text.push_str(&more);
            }
            (_, next) => merged.push(next),
        }
    }
    merged
}
