//! Calls in an answer that comes letter by letter.

use super::find::Find;
use super::language::Dialect;
use super::scan::{Notation, Scan, Step};
use super::{Part, Said, parse};

/// Bytes that a call may have.
const LONGEST: usize = 1 << 20;
/// Bytes that stand before its arguments, where its name does.
const LONGEST_HEAD: usize = 256;

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

/// A call in the making.
#[derive(Debug)]
struct Block {
    /// Its text, for the case that it is none.
    shown: String,
    /// What stands before the first bracket.
    head: String,
    /// From the first bracket on.
    body: String,
    scan: Option<Scan>,
}

/// Parts calls from text.
#[derive(Debug)]
pub struct Calls {
    dialect: Dialect,
    names: Vec<String>,
    markers: Vec<&'static str>,
    edge: Edge,
    find: Find,
    /// Blanks that belong to the text if text follows, and to nobody if a call does.
    blank: String,
    block: Option<Block>,
}

impl Calls {
    /// Of an answer that may call these tools.
    pub fn new(dialect: Dialect, names: Vec<String>) -> Calls {
        let markers = dialect.openers().iter().copied().chain(dialect.closer()).collect();
        let edge = Edge::Beginning;
        Calls { dialect, names, markers, edge, find: Find::default(), blank: String::new(), block: None }
    }

    /// Takes a part.
    pub fn hear(&mut self, part: &Part, said: &mut Vec<Said>) {
        match part {
            Part::Text(text) => text.chars().for_each(|letter| self.letter(letter, said)),
            Part::Control(token) => self.control(token, said),
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
        if let Some(block) = self.block.as_mut().filter(|block| block.scan.is_none())
            && self.dialect == Dialect::Announced
            && ["[ARGS]", "[CALL_ID]"].contains(&token)
        {
            block.head.push_str(token);
            return;
        }
        let Some(marker) = self.markers.iter().position(|marker| *marker == token) else { return };
        self.release(said);
        let held = self.find.take();
        self.text(&held, said);
        if marker < self.dialect.openers().len() {
            self.open(String::new());
        }
    }

    fn open(&mut self, shown: String) {
        self.block = Some(Block { shown, head: String::new(), body: String::new(), scan: None });
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
                if marker < self.dialect.openers().len() {
                    self.open(self.markers[marker].to_owned());
                }
            }
            None => self.text(&passed, said),
        }
    }

    fn block_letter(&mut self, letter: char, said: &mut Vec<Said>) {
        let (dialect, names) = (self.dialect, &self.names);
        let Some(block) = &mut self.block else { return };
        match block.push(letter, dialect) {
            Step::Open => {}
            Step::Bad => {
                self.release(said);
                self.edge = Edge::Text;
                self.letter(letter, said);
            }
            Step::Done => {
                let notation = dialect.notation(block.body.chars().next().unwrap_or('{'));
                match parse::calls(&block.head, &block.body, notation, names) {
                    Some(calls) => {
                        said.extend(calls.into_iter().map(Said::Call));
                        self.block = None;
                        self.blank.clear();
                        self.edge = Edge::BehindCall;
                    }
                    None => self.release(said),
                }
            }
        }
    }

    /// What began like a call is none.
    fn release(&mut self, said: &mut Vec<Said>) {
        if let Some(block) = self.block.take() {
            self.text(&block.shown, said);
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

impl Block {
    /// Takes a letter, unless it is bad.
    fn push(&mut self, letter: char, dialect: Dialect) -> Step {
        if self.shown.len() > LONGEST {
            return Step::Bad;
        }
        let may_go_on = self.may_go_on(letter, dialect);
        let step = match &mut self.scan {
            Some(_) if !may_go_on => Step::Bad,
            Some(scan) => scan.step(letter),
            None => self.before_bracket(letter, dialect),
        };
        if step != Step::Bad {
            self.shown.push(letter);
            if self.scan.is_some() {
                self.body.push(letter);
            }
        }
        step
    }

    /// Whether a list of Python's calls can go on so: first comes a name.
    fn may_go_on(&self, letter: char, dialect: Dialect) -> bool {
        let is_python = dialect.notation(self.body.chars().next().unwrap_or('{')) == Notation::Python;
        if !is_python || self.body.contains('(') {
            return true;
        }
        let is_of_name = letter.is_alphanumeric() || letter.is_whitespace() || "_.-(]".contains(letter);
        is_of_name && self.body.len() < LONGEST_HEAD
    }

    fn before_bracket(&mut self, letter: char, dialect: Dialect) -> Step {
        let is_named = !self.head.is_empty();
        match letter {
            '{' | '[' if !(is_named && letter == '[') => {
                let mut scan = Scan::new(dialect.notation(letter));
                let step = scan.step(letter);
                self.scan = Some(scan);
                step
            }
            _ if letter.is_whitespace() && !is_named => Step::Open,
            _ if dialect == Dialect::Announced && self.head.len() < LONGEST_HEAD && !letter.is_control() => {
                self.head.push(letter);
                Step::Open
            }
            _ => Step::Bad,
        }
    }
}
