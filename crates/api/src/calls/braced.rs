//! `call:f{key:<|"|>text<|"|>,n:3}`: a call whose names have no quotes, and whose texts have a token for one.

use plimsoll_engine::speech::Find;
use serde_json::Value;

use super::Call;
use super::scan::{DEEPEST, LONGEST_HEAD, Step};

/// What stands on either side of a text.
pub const QUOTE: &str = "<|\"|>";
/// What a call's name comes behind.
const HEAD: &str = "call:";

/// A call that is being written.
#[derive(Debug, Default)]
pub struct Braced {
    head: String,
    /// From the first bracket on.
    body: String,
    /// What closes the brackets that are open.
    closers: Vec<char>,
    find: Find,
    is_quoted: bool,
}

impl Braced {
    /// Takes a letter. With one that is bad come those before it that may begin something else, in `rejected`.
    pub fn step(&mut self, letter: char, rejected: &mut String) -> Step {
        if self.body.is_empty() && (letter != '{' || self.name().is_none()) {
            self.head.push(letter);
            if self.may_be_head() {
                return Step::Open;
            }
            rejected.push(letter);
            return Step::Bad;
        }
        let mut passed = String::new();
        if self.find.push(letter, &[QUOTE], &mut passed).is_some() {
            self.body.push_str(QUOTE);
            self.is_quoted = !self.is_quoted;
            return Step::Open;
        }
        for (at, letter) in passed.char_indices() {
            match self.take(letter) {
                Step::Open => {}
                Step::Done => return Step::Done,
                Step::Bad => {
                    rejected.push_str(&passed[at..]);
                    rejected.push_str(&self.find.take());
                    return Step::Bad;
                }
            }
        }
        Step::Open
    }

    /// Whether what stands before the bracket may go on to be a name's.
    fn may_be_head(&self) -> bool {
        let head = self.head.trim_start();
        let is_of_name = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
        let has_name = head.strip_prefix(HEAD).is_some_and(|name| name.chars().all(is_of_name));
        (has_name || HEAD.starts_with(head)) && self.head.len() <= LONGEST_HEAD
    }

    fn name(&self) -> Option<&str> {
        self.head.trim_start().strip_prefix(HEAD).filter(|name| !name.is_empty())
    }

    fn take(&mut self, letter: char) -> Step {
        self.body.push(letter);
        match letter {
            _ if self.is_quoted => {}
            '{' => self.closers.push('}'),
            '[' => self.closers.push(']'),
            '}' | ']' if self.closers.pop() != Some(letter) => return Step::Bad,
            '}' | ']' if self.closers.is_empty() => return Step::Done,
            '<' => return Step::Bad,
            _ => {}
        }
        if self.closers.len() > DEEPEST { Step::Bad } else { Step::Open }
    }

    /// The call, once it is complete.
    pub fn call(&self) -> Option<Call> {
        let name = self.name()?;
        let mut rest = Rest(&self.body);
        let arguments = rest.value()?;
        rest.0.is_empty().then(|| Call { name: name.to_owned(), arguments })
    }
}

/// What is left of a text.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Whether it goes on so, which is passed then.
    fn passes(&mut self, mark: &str) -> bool {
        self.0 = self.0.trim_start();
        let rest = self.0.strip_prefix(mark);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// What comes before one of these.
    fn before(&mut self, ends: &[char]) -> Option<&'a str> {
        let (before, rest) = self.0.split_at(self.0.find(ends)?);
        self.0 = rest;
        Some(before.trim())
    }

    /// A text, after its first quote, as JSON.
    fn text(&mut self) -> Option<String> {
        let (text, rest) = self.0.split_once(QUOTE)?;
        self.0 = rest;
        Some(Value::from(text).to_string())
    }

    /// A value as JSON.
    fn value(&mut self) -> Option<String> {
        if self.passes(QUOTE) {
            return self.text();
        }
        if self.passes("{") {
            return self.all('{', '}', Rest::member);
        }
        if self.passes("[") {
            return self.all('[', ']', Rest::value);
        }
        match self.before(&[',', '}', ']'])? {
            word @ ("true" | "false" | "null") => Some(word.to_owned()),
            "None" => Some("null".to_owned()),
            number => serde_json::from_str::<serde_json::Number>(number).ok().map(|_| number.to_owned()),
        }
    }

    /// Parts between commas, up to the bracket that closes them.
    fn all(&mut self, open: char, close: char, part: fn(&mut Self) -> Option<String>) -> Option<String> {
        let mut parts = Vec::new();
        let end = close.to_string();
        while !self.passes(&end) {
            if !parts.is_empty() && !self.passes(",") {
                return None;
            }
            parts.push(part(self)?);
        }
        Some(format!("{open}{}{close}", parts.join(", ")))
    }

    fn member(&mut self) -> Option<String> {
        let key = match self.passes(QUOTE) {
            true => self.text()?,
            false => match self.before(&[':', ',', '{', '}', '[', ']'])? {
                "" => return None,
                key => Value::from(key).to_string(),
            },
        };
        if !self.passes(":") {
            return None;
        }
        Some(format!("{key}: {}", self.value()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_json() {
        for (written, expected) in [
            ("{}", "{}"),
            ("{a:1,b:-1.5e+20}", r#"{"a": 1, "b": -1.5e+20}"#),
            ("{a:<|\"|>x, \"y\"}\n<|\"|>}", r#"{"a": "x, \"y\"}\n"}"#),
            ("{<|\"|>a:b<|\"|>:[true,None,{}, []]}", r#"{"a:b": [true, null, {}, []]}"#),
        ] {
            assert_eq!(Rest(written).value().as_deref(), Some(expected), "{written}");
        }
        for written in ["{a}", "{:1}", "{a:}", "{a:x}", "{a:1 b:2}", "[1,]", "[,]", "{a:<|\"|>x}", "{a:1", ""] {
            assert_eq!(Rest(written).value(), None, "{written}");
        }
    }
}
