//! Calls as Python writes them, and its literals as JSON.

use serde_json::Value;

use super::Call;
use super::scan::{Notation, elements, split};

/// Values within values.
const DEEPEST: usize = 64;

/// The calls of `[f(a='x'), g()]`; nothing where it is anything else.
pub fn calls(text: &str) -> Option<Vec<Call>> {
    elements(text, ('[', ']'), Notation::Python)?.into_iter().map(call).collect()
}

fn call(text: &str) -> Option<Call> {
    let (name, _) = text.split_once('(')?;
    let is_name = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let mut members = Vec::new();
    for argument in elements(&text[name.len()..], ('(', ')'), Notation::Python)? {
        let (key, value) = argument.split_once('=')?;
        let key = key.trim();
        if key.is_empty() || !key.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
            return None;
        }
        members.push(format!("{}: {}", Value::from(key), json(value, 0)?));
    }
    Some(Call { name: name.to_owned(), arguments: format!("{{{}}}", members.join(", ")) })
}

/// A literal as JSON; numbers as they are written, of any length.
fn json(text: &str, depth: usize) -> Option<String> {
    let text = text.trim();
    if depth > DEEPEST {
        return None;
    }
    let all = |parts: Vec<&str>| {
        let parts: Option<Vec<String>> = parts.into_iter().map(|part| json(part, depth + 1)).collect();
        Some(format!("[{}]", parts?.join(", ")))
    };
    match text.chars().next()? {
        '\'' | '"' => Some(Value::from(string(text)?).to_string()),
        '[' => all(elements(text, ('[', ']'), Notation::Python)?),
        '(' => all(elements(text, ('(', ')'), Notation::Python)?),
        '{' => mapping(text, depth),
        _ => match text {
            "True" | "true" => Some("true".to_owned()),
            "False" | "false" => Some("false".to_owned()),
            "None" | "null" => Some("null".to_owned()),
            number => serde_json::from_str::<serde_json::Number>(number).ok().map(|_| number.to_owned()),
        },
    }
}

fn mapping(text: &str, depth: usize) -> Option<String> {
    let mut members = Vec::new();
    for member in elements(text, ('{', '}'), Notation::Python)? {
        let key = *split(member, ':', Notation::Python).first()?;
        let value = member.get(key.len() + 1..)?;
        members.push(format!("{}: {}", Value::from(string(key.trim())?), json(value, depth + 1)?));
    }
    Some(format!("{{{}}}", members.join(", ")))
}

/// The text of a string literal; escapes that Python does not know stay as they are, and so do quotes within it. Two
/// strings side by side, which Python would join, are none.
fn string(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    let (mut read, mut letters) = (String::new(), inner.chars());
    while let Some(letter) = letters.next() {
        if letter == quote && letters.as_str().trim_start().starts_with(['\'', '"']) {
            return None;
        }
        if letter != '\\' {
            read.push(letter);
            continue;
        }
        match letters.next()? {
            'n' => read.push('\n'),
            't' => read.push('\t'),
            'r' => read.push('\r'),
            'b' => read.push('\u{8}'),
            'f' => read.push('\u{c}'),
            'x' => read.push(coded(&mut letters, 2)?),
            'u' => read.push(coded(&mut letters, 4)?),
            'U' => read.push(coded(&mut letters, 8)?),
            same @ ('\\' | '\'' | '"') => read.push(same),
            '\n' => {}
            other => read.extend(['\\', other]),
        }
    }
    Some(read)
}

fn coded(letters: &mut std::str::Chars, digits: usize) -> Option<char> {
    let code: String = letters.take(digits).collect();
    if code.len() != digits || !code.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    char::from_u32(u32::from_str_radix(&code, 16).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_become_json() {
        for (python, expected) in [
            ("True", "true"),
            ("None", "null"),
            ("-1.50", "-1.50"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            (r#"'it\'s \"so\" \u00e9\q'"#, r##""it's \"so\" é\\q""##),
            ("[1, (2, 'a, b'),]", r#"[1, [2, "a, b"]]"#),
            ("{'a': {'b': [None]}, \"c:d\": 'e:f'}", r#"{"a": {"b": [null]}, "c:d": "e:f"}"#),
            ("{}", "{}"),
            ("'it's 'so''", "\"it's 'so'\""),
            ("['it's', 'a 'b' c' , {'d': 'e's'}]", r#"["it's", "a 'b' c", {"d": "e's"}]"#),
            ("''", "\"\""),
        ] {
            assert_eq!(json(python, 0).as_deref(), Some(expected), "{python}");
        }
        for python in ["", "x", "1 + 1", "'a' 'b'", "{'a'}", "{1: 2}", "'\\u12'", "'\\ud800'", "'", "[1"] {
            assert_eq!(json(python, 0), None, "{python}");
        }
        assert_eq!(json(&format!("{}{}", "[".repeat(90), "]".repeat(90)), 0), None);
    }
}
