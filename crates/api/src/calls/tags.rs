//! Calls whose name and arguments stand between tags, letter by letter.

use plimsoll_engine::speech::Find;
use serde_json::Value;

use super::kinds::typed;
use super::scan::{LONGEST_HEAD, Step};
use super::{Call, Known};

/// What a form puts around the parts of a call.
#[derive(Debug, PartialEq, Eq)]
pub struct Marks {
    /// Around the tool's name; nothing where it stands by itself.
    pub name: (&'static str, &'static str),
    /// Around an argument's name.
    pub key: (&'static str, &'static str),
    /// Around its value.
    pub value: (&'static str, &'static str),
    /// Behind the last.
    pub end: &'static str,
    /// Whether a value stands on lines of its own.
    pub has_lines: bool,
}

/// `<function=name><parameter=key>value</parameter></function>`.
pub static FUNCTION: Marks = Marks {
    name: ("<function=", ">"),
    key: ("<parameter=", ">"),
    value: ("", "</parameter>"),
    end: "</function>",
    has_lines: true,
};

/// `name<arg_key>key</arg_key><arg_value>value</arg_value></tool_call>`.
pub static ARG_KEY: Marks = Marks {
    name: ("", ""),
    key: ("<arg_key>", "</arg_key>"),
    value: ("<arg_value>", "</arg_value>"),
    end: "</tool_call>",
    has_lines: false,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeName,
    Name,
    /// Behind the name, or an argument.
    Between,
    Key,
    BeforeValue,
    Value,
}

/// A call that is being written.
#[derive(Debug)]
pub struct Tags {
    marks: &'static Marks,
    place: Place,
    find: Find,
    name: String,
    arguments: Vec<(String, String)>,
}

impl Tags {
    /// Before the first letter.
    pub fn new(marks: &'static Marks) -> Tags {
        let place = if marks.name.0.is_empty() { Place::Name } else { Place::BeforeName };
        Tags { marks, place, find: Find::default(), name: String::new(), arguments: Vec::new() }
    }

    /// Whether a control token of this name is one of the marks.
    pub fn has(&self, token: &str) -> bool {
        let Marks { key, value, end, .. } = self.marks;
        [key.0, key.1, value.0, value.1, end].contains(&token)
    }

    /// Takes a letter. With one that is bad come those before it that may begin something else, in `rejected`.
    pub fn step(&mut self, letter: char, rejected: &mut String) -> Step {
        let Marks { name, key, value, end, .. } = self.marks;
        let one: [&str; 1];
        let two = [key.0, end];
        let awaited: &[&str] = match self.place {
            Place::Name if name.1.is_empty() => &two,
            Place::Between => &two,
            place => {
                one = [match place {
                    Place::BeforeName => name.0,
                    Place::Name => name.1,
                    Place::Key => key.1,
                    Place::BeforeValue => value.0,
                    Place::Between | Place::Value => value.1,
                }];
                &one
            }
        };
        let mut passed = String::new();
        let found = self.find.push(letter, awaited, &mut passed);
        if let Some((at, _)) = passed.char_indices().find(|(_, letter)| !self.take(*letter)) {
            rejected.push_str(&passed[at..]);
            rejected.push_str(&self.find.take());
            return Step::Bad;
        }
        found.map_or(Step::Open, |mark| self.mark(mark, rejected))
    }

    /// Whether a letter that is part of no mark may stand there.
    fn take(&mut self, letter: char) -> bool {
        match (self.place, self.arguments.last_mut()) {
            (Place::Value, Some((_, value))) => value.push(letter),
            (Place::Key, Some((key, _))) => {
                key.push(letter);
                return key.len() <= LONGEST_HEAD && !letter.is_control() && letter != '<';
            }
            (Place::Name, _) if letter.is_whitespace() && self.marks.name.1.is_empty() => {
                // It stands by itself, and may have blanks around it.
                if !self.name.is_empty() {
                    self.place = Place::Between;
                }
            }
            (Place::Name, _) => {
                self.name.push(letter);
                let is_of_name = letter.is_alphanumeric() || "_.-".contains(letter);
                return is_of_name && self.name.len() <= LONGEST_HEAD;
            }
            _ => return letter.is_whitespace(),
        }
        true
    }

    fn mark(&mut self, mark: usize, rejected: &mut String) -> Step {
        self.place = match self.place {
            Place::BeforeName => Place::Name,
            Place::Name if self.name.is_empty() => {
                rejected.clear();
                return Step::Bad;
            }
            Place::Name if !self.marks.name.1.is_empty() => Place::Between,
            Place::Name | Place::Between if mark == 1 => return Step::Done,
            Place::Name | Place::Between => {
                self.arguments.push((String::new(), String::new()));
                Place::Key
            }
            Place::Key if self.marks.value.0.is_empty() => Place::Value,
            Place::Key => Place::BeforeValue,
            Place::BeforeValue => Place::Value,
            Place::Value => Place::Between,
        };
        Step::Open
    }

    /// The call, once it is complete; nothing where there is no such tool. Its values are read by the tool's schema.
    pub fn call(&self, tools: &[Known]) -> Option<Call> {
        let parameters = &tools.iter().find(|tool| tool.name == self.name)?.parameters;
        let argument = |(key, value): &(String, String)| {
            let mut text = value.as_str();
            if self.marks.has_lines {
                text = text.strip_prefix('\n').unwrap_or(text);
                text = text.strip_suffix('\n').unwrap_or(text);
            }
            format!("{}: {}", Value::from(key.as_str()), typed(text, &parameters["properties"][key], parameters))
        };
        let arguments: Vec<String> = self.arguments.iter().map(argument).collect();
        Some(Call { name: self.name.clone(), arguments: format!("{{{}}}", arguments.join(", ")) })
    }
}
