//! Calls in an answer that comes letter by letter.

use std::sync::Arc;

use plimsoll_engine::speech::{Find, Part};

use super::block::Block;
use super::language::Dialect;
use super::scan::Step;
use super::{Call, Known, Said};

/// What stands before a tool's name in whom a message is for.
const FUNCTIONS: &str = "functions.";

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edge {
    /// A call without an opener, for nothing but blanks came.
    Beginning,
    /// The same, or what closes the call before.
    BehindCall,
    /// Text, or an opener.
    Text,
}

/// Parts calls from text.
#[derive(Debug)]
pub struct Calls {
    dialect: Dialect,
    tools: Arc<[Known]>,
    markers: Vec<&'static str>,
    edge: Edge,
    find: Find,
    /// Blanks that belong to the text if text follows, and to nobody if a call does.
    blank: String,
    block: Option<Block>,
}

impl Calls {
    /// Of an answer that may call these tools.
    pub fn new(dialect: Dialect, tools: Arc<[Known]>) -> Calls {
        let markers = dialect.openers().iter().copied().chain(dialect.closer()).collect();
        let edge = Edge::Beginning;
        Calls { dialect, tools, markers, edge, find: Find::default(), blank: String::new(), block: None }
    }

    /// Takes a part.
    pub fn hear(&mut self, part: &Part, said: &mut Vec<Said>) {
        match part {
            Part::Text(text) => text.chars().for_each(|letter| self.letter(letter, said)),
            Part::Control(token) => self.control(token, said),
        }
    }

    /// Takes a message that is for somebody: a call of a tool that there is, or text.
    pub fn addressed(&mut self, to: &str, content: String, said: &mut Vec<Said>) {
        let name = to.strip_prefix(FUNCTIONS).filter(|name| self.tools.iter().any(|tool| tool.name == *name));
        let is_object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&content).is_ok();
        match name {
            Some(name) if is_object => {
                said.push(Said::Call(Call { name: name.to_owned(), arguments: content.trim().to_owned() }));
            }
            _ => {
                // Apart from what was said before.
                self.blank.push_str(if self.edge == Edge::Text { "\n\n" } else { "" });
                self.text(&content, said);
            }
        }
    }

    /// The answer ended: what is not complete is no call.
    pub fn end(&mut self, said: &mut Vec<Said>) {
        self.release(said);
        let held = self.find.take();
        self.text(&held, said);
        let blank = std::mem::take(&mut self.blank);
        if self.edge != Edge::BehindCall && !blank.is_empty() {
            said.push(Said::Content(blank));
        }
    }

    fn control(&mut self, token: &str, said: &mut Vec<Said>) {
        if let Some(step) = self.block.as_mut().and_then(|block| block.control(token)) {
            return self.step(step, said);
        }
        let Some(marker) = self.markers.iter().position(|marker| *marker == token) else { return };
        self.release(said);
        let held = self.find.take();
        self.text(&held, said);
        self.marker(marker, String::new());
    }

    /// What opens a call, or closes the one before and whatever blanks are between.
    fn marker(&mut self, marker: usize, shown: String) {
        if marker < self.dialect.openers().len() {
            self.open(shown);
        } else if self.edge == Edge::BehindCall {
            self.blank.clear();
        }
    }

    fn open(&mut self, shown: String) {
        self.block = Some(Block::new(self.dialect, shown));
    }

    fn letter(&mut self, letter: char, said: &mut Vec<Said>) {
        if self.block.is_some() {
            return self.block_letter(letter, said);
        }
        if self.find.is_empty() && self.edge != Edge::Text {
            if letter.is_whitespace() {
                return self.blank.push(letter);
            }
            if self.dialect.begins_bare(letter, self.edge == Edge::BehindCall) {
                self.open(String::new());
                return self.block_letter(letter, said);
            }
        }
        let mut passed = String::new();
        let markers = if self.edge == Edge::BehindCall { &self.markers[..] } else { self.dialect.openers() };
        match self.find.push(letter, markers, &mut passed) {
            Some(marker) => {
                self.text(&passed, said);
                self.marker(marker, self.markers[marker].to_owned());
            }
            None => self.text(&passed, said),
        }
    }

    fn block_letter(&mut self, letter: char, said: &mut Vec<Said>) {
        let Some(block) = &mut self.block else { return };
        let mut rejected = String::new();
        let step = block.push(letter, &mut rejected);
        self.step(step, said);
        rejected.chars().for_each(|letter| self.letter(letter, said));
    }

    /// Goes on after a letter or a token of a call.
    fn step(&mut self, step: Step, said: &mut Vec<Said>) {
        match step {
            Step::Open => {}
            Step::Bad => {
                self.release(said);
                self.edge = Edge::Text;
            }
            Step::Done => match self.block.as_ref().and_then(|block| block.calls(&self.tools)) {
                Some(calls) => {
                    said.extend(calls.into_iter().map(Said::Call));
                    self.block = None;
                    self.blank.clear();
                    self.edge = Edge::BehindCall;
                }
                None => self.release(said),
            },
        }
    }

    /// What began like a call is none.
    fn release(&mut self, said: &mut Vec<Said>) {
        if let Some(block) = self.block.take() {
            self.text(&block.into_text(), said);
        }
    }

    fn text(&mut self, text: &str, said: &mut Vec<Said>) {
        for letter in text.chars() {
            self.blank.push(letter);
            if !letter.is_whitespace() {
                self.edge = Edge::Text;
                said.push(Said::Content(std::mem::take(&mut self.blank)));
            }
        }
    }
}
