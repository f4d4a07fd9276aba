//! A call in the making, in any of the forms.

use super::braced::{Braced, QUOTE};
use super::language::Dialect;
use super::scan::{LONGEST_HEAD, Notation, Scan, Step};
use super::tags::{ARG_KEY, FUNCTION, Tags};
use super::{Call, Known, parse};

/// Bytes that a call may have.
const LONGEST: usize = 1 << 20;

/// A call in the making.
#[derive(Debug)]
pub struct Block {
    dialect: Dialect,
    /// Its text, for the case that it is none.
    shown: String,
    written: Written,
}

/// What is there of it.
#[derive(Debug)]
enum Written {
    Bracketed(Bracketed),
    Tags(Tags),
    Braced(Braced),
}

#[derive(Debug, Default)]
struct Bracketed {
    /// What stands before the first bracket.
    head: String,
    /// From the first bracket on.
    body: String,
    scan: Option<Scan>,
}

impl Block {
    /// Behind an opener, `shown` where it is text.
    pub fn new(dialect: Dialect, shown: String) -> Block {
        let written = match dialect {
            Dialect::Functions => Written::Tags(Tags::new(&FUNCTION)),
            Dialect::Keyed => Written::Tags(Tags::new(&ARG_KEY)),
            Dialect::Braced => Written::Braced(Braced::default()),
            _ => Written::Bracketed(Bracketed::default()),
        };
        Block { dialect, shown, written }
    }

    /// Takes a letter. What a bad one shows not to belong here is put into `rejected`, to be heard anew.
    pub fn push(&mut self, letter: char, rejected: &mut String) -> Step {
        if self.shown.len() > LONGEST {
            rejected.push(letter);
            return Step::Bad;
        }
        self.shown.push(letter);
        let step = self.written.push(letter, self.dialect, rejected);
        if step == Step::Bad {
            match self.shown.strip_suffix(rejected.as_str()) {
                Some(before) => self.shown.truncate(before.len()),
                // Some of it was a control token's.
                None => rejected.clear(),
            }
        }
        step
    }

    /// Takes a control token that is part of a call, which its text does not show; nothing if it is none.
    pub fn control(&mut self, token: &str) -> Option<Step> {
        match &mut self.written {
            Written::Bracketed(written) => {
                let is_part = self.dialect == Dialect::Announced && ["[ARGS]", "[CALL_ID]"].contains(&token);
                if !is_part || written.scan.is_some() {
                    return None;
                }
                written.head.push_str(token);
                Some(Step::Open)
            }
            Written::Tags(tags) if !tags.has(token) => None,
            Written::Braced(_) if token != QUOTE => None,
            written => {
                let mut steps = token.chars().map(|letter| written.push(letter, self.dialect, &mut String::new()));
                Some(steps.find(|step| *step != Step::Open).unwrap_or(Step::Open))
            }
        }
    }

    /// Its text, where it is no call.
    pub fn into_text(self) -> String {
        self.shown
    }

    /// The calls of a block that is complete; nothing where it is none, or names a tool that there is not.
    pub fn calls(&self, tools: &[Known]) -> Option<Vec<Call>> {
        let calls = match &self.written {
            Written::Tags(tags) => vec![tags.call(tools)?],
            Written::Braced(braced) => vec![braced.call()?],
            Written::Bracketed(Bracketed { head, body, .. }) => {
                parse::calls(head, body, self.dialect.notation(body.chars().next().unwrap_or('{')))?
            }
        };
        let is_known = |call: &Call| tools.iter().any(|tool| tool.name == call.name);
        (!calls.is_empty() && calls.iter().all(is_known)).then_some(calls)
    }
}

impl Written {
    fn push(&mut self, letter: char, dialect: Dialect, rejected: &mut String) -> Step {
        match self {
            Written::Tags(tags) => tags.step(letter, rejected),
            Written::Braced(braced) => braced.step(letter, rejected),
            Written::Bracketed(written) => {
                let step = written.step(letter, dialect);
                if step == Step::Bad {
                    rejected.push(letter);
                }
                step
            }
        }
    }
}

impl Bracketed {
    fn step(&mut self, letter: char, dialect: Dialect) -> Step {
        let may_go_on = self.may_go_on(letter, dialect);
        let step = match &mut self.scan {
            Some(_) if !may_go_on => Step::Bad,
            Some(scan) => scan.step(letter),
            None => self.before_bracket(letter, dialect),
        };
        if step != Step::Bad && self.scan.is_some() {
            self.body.push(letter);
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
