//! Calls as Python writes them, read without Python.

use serde_json::{Map, Number, Value};

/// How deep values may lie in each other.
const DEEPEST: usize = 32;

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    /// The function, with the names of its modules.
    pub name: String,
    /// Its arguments, all of them named.
    pub arguments: Map<String, Value>,
}

/// The calls of an answer: a list of them, bare or in a fence, or calls without a list around them.
pub(super) fn calls(answer: &str) -> Option<Vec<Call>> {
    let text = answer.trim().trim_matches('`').trim();
    let text = ["python", "json"].iter().find_map(|name| text.strip_prefix(name)).unwrap_or(text).trim();
    let inside = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let mut reader = Reader { rest: inside, depth: 0 };
    let mut found = Vec::new();
    loop {
        reader.skip_space();
        if reader.rest.is_empty() {
            return (!found.is_empty()).then_some(found);
        }
        found.push(reader.call()?);
        reader.skip_space();
        if !reader.takes(',') && !reader.rest.is_empty() {
            return None;
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Whether `letter` comes next; if it does, it is passed over.
    fn takes(&mut self, letter: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A name, with dots where `dotted`.
    fn name(&mut self, dotted: bool) -> Option<&'a str> {
        self.skip_space();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || (dotted && c == '.');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!name.is_empty()).then_some(name)
    }

    fn call(&mut self) -> Option<Call> {
        let name = self.name(true)?.to_owned();
        if !self.takes('(') {
            return None;
        }
        let mut arguments = Map::new();
        loop {
            if self.takes(')') {
                return Some(Call { name, arguments });
            }
            let argument = self.name(false)?.to_owned();
            if !self.takes('=') {
                return None;
            }
            let value = self.value()?;
            arguments.insert(argument, value);
            if !self.takes(',') {
                return self.takes(')').then_some(Call { name, arguments });
            }
        }
    }

    fn value(&mut self) -> Option<Value> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        self.skip_space();
        let value = match self.rest.chars().next()? {
            '[' => self.list('[', ']').map(Value::Array),
            '(' => self.list('(', ')').map(Value::Array),
            '{' => self.dictionary(),
            quote @ ('\'' | '"') => self.text(quote).map(Value::String),
            c if c.is_ascii_digit() || "+-.".contains(c) => self.number(),
            _ => match self.name(false)? {
                "True" | "true" => Some(Value::Bool(true)),
                "False" | "false" => Some(Value::Bool(false)),
                "None" | "null" => Some(Value::Null),
                _ => None,
            },
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self, open: char, close: char) -> Option<Vec<Value>> {
        self.takes(open);
        let mut values = Vec::new();
        while !self.takes(close) {
            values.push(self.value()?);
            if !self.takes(',') && !self.rest.trim_start().starts_with(close) {
                return None;
            }
        }
        Some(values)
    }

    fn dictionary(&mut self) -> Option<Value> {
        self.takes('{');
        let mut found = Map::new();
        while !self.takes('}') {
            let Value::String(key) = self.value()? else { return None };
            if !self.takes(':') {
                return None;
            }
            let value = self.value()?;
            found.insert(key, value);
            if !self.takes(',') && !self.rest.trim_start().starts_with('}') {
                return None;
            }
        }
        Some(Value::Object(found))
    }

    fn text(&mut self, quote: char) -> Option<String> {
        self.takes(quote);
        let mut found = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next()?.1 {
                    'n' => found.push('\n'),
                    't' => found.push('\t'),
                    other => found.push(other),
                },
                c if c == quote => {
                    self.rest = &self.rest[at + c.len_utf8()..];
                    return Some(found);
                }
                c => found.push(c),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at(end);
        let digits = digits.replace('_', "");
        self.rest = rest;
        match digits.parse::<i64>() {
            Ok(whole) => Some(whole.into()),
            Err(_) => digits.parse().ok().and_then(Number::from_f64).map(Value::Number),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calls_are_read_as_python_writes_them() {
        let found =
            calls("```python\n[math.area(base=10, h=-2.5, unit='it\\'s'), f(a=[1, (2,)], b={'k': True}, c=None)]\n```");
        let found = found.unwrap();
        assert_eq!(found[0].name, "math.area");
        assert_eq!(Value::Object(found[0].arguments.clone()), json!({"base": 10, "h": -2.5, "unit": "it's"}));
        assert_eq!(Value::Object(found[1].arguments.clone()), json!({"a": [1, [2]], "b": {"k": true}, "c": null}));
        assert_eq!(calls("f()").unwrap().len(), 1);
        for bad in ["", "I would call f(a=1)", "f(1)", "f(a=1", "f(a=x)", "[f(a='x)]", "f(a=1) g(b=2)"] {
            assert_eq!(calls(bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(?s)([fgab]|[\\[\\](){}=,.:'\"\\\\]|[-+0-9e_]|True|None| |é|\\PC){0,60}") {
            let _ = calls(&text);
        }

        #[test]
        fn brackets_without_end_are_refused(n in 0_usize..5000) {
            let _ = calls(&format!("f(a={}", "[".repeat(n)));
        }
    }
}
