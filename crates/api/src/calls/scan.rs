//! Where a bracketed text ends, letter by letter, and where it is divided.

/// Bytes that stand before a call's arguments, where its name does.
pub const LONGEST_HEAD: usize = 256;
/// Brackets that may be open at once.
pub const DEEPEST: usize = 100;

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// JSON.
    Json,
    /// Calls and literals of Python.
    Python,
}

/// What a letter brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Brackets or a string are open.
    Open,
    /// The letter closed the first bracket.
    Done,
    /// The letter cannot stand there.
    Bad,
}

/// Follows brackets and strings.
#[derive(Debug)]
pub struct Scan {
    notation: Notation,
    /// What closes the brackets that are open.
    closers: Vec<char>,
    quote: Option<char>,
    is_escaped: bool,
    /// Whether the string is over if what comes next may stand behind one. Templates put Python's quotes around texts as
    /// they are, with quotes in them.
    may_be_over: bool,
}

impl Scan {
    /// Before the first bracket.
    pub fn new(notation: Notation) -> Scan {
        Scan { notation, closers: Vec::new(), quote: None, is_escaped: false, may_be_over: false }
    }

    /// Whether neither a bracket nor a string is open.
    fn is_outside(&self) -> bool {
        self.closers.is_empty() && (self.quote.is_none() || self.may_be_over)
    }

    /// Takes a letter.
    pub fn step(&mut self, letter: char) -> Step {
        if self.may_be_over && !letter.is_whitespace() {
            self.may_be_over = false;
            if self.may_follow_string(letter) {
                self.quote = None;
            }
        }
        if let Some(quote) = self.quote {
            match letter {
                _ if self.is_escaped => self.is_escaped = false,
                '\\' => self.is_escaped = true,
                _ if letter != quote => {}
                _ if self.notation == Notation::Python => self.may_be_over = true,
                _ => self.quote = None,
            }
            return Step::Open;
        }
        match letter {
            '"' => self.quote = Some('"'),
            '\'' if self.notation == Notation::Python => self.quote = Some('\''),
            '[' => return self.open(']'),
            '{' => return self.open('}'),
            '(' if self.notation == Notation::Python => return self.open(')'),
            ']' | '}' | ')' => return self.close(letter),
            _ if self.notation == Notation::Json && !may_be_json(letter) => return Step::Bad,
            _ => {}
        }
        Step::Open
    }

    fn may_follow_string(&self, letter: char) -> bool {
        match letter {
            ',' | ')' | ']' | '}' => true,
            ':' => self.closers.last().is_none_or(|closer| *closer == '}'),
            _ => false,
        }
    }

    fn open(&mut self, closer: char) -> Step {
        self.closers.push(closer);
        if self.closers.len() > DEEPEST { Step::Bad } else { Step::Open }
    }

    fn close(&mut self, letter: char) -> Step {
        match self.closers.pop() {
            Some(closer) if closer != letter => Step::Bad,
            None => Step::Bad,
            Some(_) if self.closers.is_empty() => Step::Done,
            Some(_) => Step::Open,
        }
    }
}

/// Whether a letter occurs in JSON outside of strings.
fn may_be_json(letter: char) -> bool {
    letter.is_ascii_whitespace() || letter.is_ascii_alphanumeric() || ",:+-.".contains(letter)
}

/// The parts between `separator`s that stand outside of brackets and strings.
pub fn split(text: &str, separator: char, notation: Notation) -> Vec<&str> {
    let (mut scan, mut parts, mut first) = (Scan::new(notation), Vec::new(), 0);
    for (at, letter) in text.char_indices() {
        if letter == separator && scan.is_outside() {
            parts.push(&text[first..at]);
            first = at + letter.len_utf8();
            scan = Scan::new(notation);
        } else {
            scan.step(letter);
        }
    }
    parts.push(&text[first..]);
    parts
}

/// What stands between two brackets, divided at commas; one after the last is let pass.
pub fn elements(text: &str, brackets: (char, char), notation: Notation) -> Option<Vec<&str>> {
    let inner = text.trim().strip_prefix(brackets.0)?.strip_suffix(brackets.1)?;
    let mut parts: Vec<&str> = split(inner, ',', notation).into_iter().map(str::trim).collect();
    parts.pop_if(|last| last.is_empty());
    Some(parts)
}
