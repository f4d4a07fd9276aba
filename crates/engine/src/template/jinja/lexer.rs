//! Source to tokens, as Jinja's lexer with `trim_blocks` and `lstrip_blocks`.

use num_bigint::BigInt;

use crate::template::python::text::{is_identifier, is_space};

/// A token and the line that it begins in.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// From 1.
    pub line: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Text of the template.
    Data(String),
    /// `{{`
    PrintBegin,
    /// `}}`
    PrintEnd,
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    /// A name or keyword.
    Name(String),
    /// A string literal.
    Text(String),
    /// A whole number.
    Whole(BigInt),
    /// A float.
    Float(f64),
    /// An operator or bracket.
    Sign(&'static str),
    /// The end of the template.
    End,
}

/// Operators, the longer first.
const SIGNS: [&str; 25] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",",
];

/// Source with Jinja's line ends, without the last one.
pub fn normalised(source: &str) -> String {
    let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
    if text.ends_with('\n') {
        text.pop();
    }
    text
}

/// Tokens of a template whose line ends are normalised.
///
/// # Errors
/// What is wrong, with its line.
pub fn tokens(source: &str) -> Result<Vec<Token>, String> {
    let mut lexer = Lexer { source, at: 0, line: 1, line_starting: true, found: Vec::new() };
    lexer.root()?;
    lexer.push(Kind::End);
    Ok(lexer.found)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    line: usize,
    /// Whether what was read last ended a line.
    line_starting: bool,
    found: Vec<Token>,
}

#[derive(Clone, Copy, PartialEq)]
enum Tag {
    Block,
    Print,
    Comment,
}

impl<'s> Lexer<'s> {
    fn push(&mut self, kind: Kind) {
        self.found.push(Token { line: self.line, kind });
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    /// Passes over `length` bytes.
    fn pass(&mut self, length: usize) {
        let passed = &self.source[self.at..self.at + length];
        self.line += passed.matches('\n').count();
        self.line_starting = passed.ends_with('\n');
        self.at += length;
    }

    fn pass_space(&mut self) {
        let rest = self.rest();
        let length = rest.len() - rest.trim_start_matches(is_space).len();
        if length > 0 {
            self.pass(length);
        }
    }

    fn fail<T>(&self, what: impl std::fmt::Display) -> Result<T, String> {
        Err(format!("{what} (line {} of the template)", self.line))
    }

    fn root(&mut self) -> Result<(), String> {
        self.line_starting = true;
        while self.at < self.source.len() {
            let rest = self.rest();
            let Some((begin, tag)) = next_tag(rest) else {
                self.data(rest);
                self.pass(rest.len());
                return Ok(());
            };
            let sign = rest[begin + 2..].chars().next().filter(|c| matches!(c, '-' | '+'));
            let text = &rest[..begin];
            let kept = match sign {
                Some('-') => text.trim_end_matches(is_space),
                Some(_) => text,
                None if tag == Tag::Print => text,
                None => self.without_indentation(text),
            };
            self.data(kept);
            self.pass(begin);
            let raw = if tag == Tag::Block { raw_begin(self.rest()) } else { None };
            match (tag, raw) {
                (_, Some(length)) => {
                    self.pass(length);
                    self.raw()?;
                }
                (Tag::Comment, _) => {
                    self.pass(2 + usize::from(sign.is_some()));
                    self.comment()?;
                }
                (Tag::Print, _) => {
                    self.pass(2 + usize::from(sign.is_some()));
                    self.push(Kind::PrintBegin);
                    self.code(Tag::Print)?;
                }
                (Tag::Block, _) => {
                    self.pass(2 + usize::from(sign.is_some()));
                    self.push(Kind::BlockBegin);
                    self.code(Tag::Block)?;
                }
            }
        }
        Ok(())
    }

    fn data(&mut self, text: &str) {
        if !text.is_empty() {
            self.push(Kind::Data(text.to_owned()));
        }
    }

    /// `lstrip_blocks`: blanks between the last line end and a tag go.
    fn without_indentation(&self, text: &'s str) -> &'s str {
        let line_at = text.rfind('\n').map_or(0, |at| at + 1);
        let is_blank = text[line_at..].chars().all(is_space);
        if (line_at > 0 || self.line_starting) && is_blank { &text[..line_at] } else { text }
    }

    /// The end of a block or comment: a sign, the end, and what is trimmed behind it.
    fn pass_end(&mut self, sign: Option<char>, length: usize, trims: bool) {
        self.pass(length);
        match sign {
            Some('-') => self.pass_space(),
            None if trims && self.rest().starts_with('\n') => self.pass(1),
            _ => {}
        }
    }

    fn comment(&mut self) -> Result<(), String> {
        let Some(end) = self.rest().find("#}") else { return self.fail("Missing end of comment tag") };
        let sign = self.rest()[..end].chars().next_back().filter(|c| matches!(c, '-' | '+'));
        self.pass_end(sign, end + 2, true);
        Ok(())
    }

    fn raw(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let mut from = 0;
        while let Some(at) = rest[from..].find("{%").map(|at| at + from) {
            let tag = &rest[at + 2..];
            let sign = tag.chars().next().filter(|c| matches!(c, '-' | '+'));
            let word = tag[usize::from(sign.is_some())..].trim_start_matches(is_space);
            if let Some(behind) = word.strip_prefix("endraw") {
                let behind = behind.trim_start_matches(is_space);
                let end_sign = behind.chars().next().filter(|c| matches!(c, '-' | '+'));
                if behind[usize::from(end_sign.is_some())..].starts_with("%}") {
                    let text = &rest[..at];
                    let kept = match sign {
                        Some('-') => text.trim_end_matches(is_space),
                        Some(_) => text,
                        None => self.without_indentation(text),
                    };
                    self.data(kept);
                    let length = rest.len() - behind.len() + usize::from(end_sign.is_some()) + 2;
                    self.pass_end(end_sign, length, true);
                    return Ok(());
                }
            }
            from = at + 2;
        }
        self.fail("Missing end of raw directive")
    }

    /// Code up to the end of its tag.
    fn code(&mut self, tag: Tag) -> Result<(), String> {
        let end = if tag == Tag::Print { "}}" } else { "%}" };
        let mut open: Vec<char> = Vec::new();
        loop {
            let rest = self.rest();
            if open.is_empty() {
                let sign = rest.chars().next().filter(|c| *c == '-' || (*c == '+' && tag == Tag::Block));
                if rest[sign.map_or(0, char::len_utf8)..].starts_with(end) {
                    self.push(if tag == Tag::Print { Kind::PrintEnd } else { Kind::BlockEnd });
                    self.pass_end(sign, end.len() + usize::from(sign.is_some()), tag == Tag::Block);
                    return Ok(());
                }
            }
            let Some(c) = rest.chars().next() else { return Ok(()) };
            if is_space(c) {
                self.pass_space();
                continue;
            }
            let (length, kind) = self.token(c)?;
            match kind {
                Kind::Sign("{") => open.push('}'),
                Kind::Sign("(") => open.push(')'),
                Kind::Sign("[") => open.push(']'),
                Kind::Sign(close @ ("}" | ")" | "]")) => match open.pop() {
                    None => return self.fail(format!("unexpected '{close}'")),
                    Some(expected) if !close.starts_with(expected) => {
                        return self.fail(format!("unexpected '{close}', expected '{expected}'"));
                    }
                    _ => {}
                },
                _ => {}
            }
            self.push(kind);
            self.pass(length);
        }
    }

    /// The token that begins with `c`, and its length.
    fn token(&self, c: char) -> Result<(usize, Kind), String> {
        let rest = self.rest();
        if c.is_ascii_digit() {
            // A digit behind a point is part of a float only where no name stands before the point.
            return self.number();
        }
        if c == '"' || c == '\'' {
            return self.string(c);
        }
        if c == '_' || c.is_alphanumeric() {
            let length = rest.find(|c: char| c != '_' && !is_word(c)).unwrap_or(rest.len());
            let name = &rest[..length];
            if !is_identifier(name) {
                return self.fail("Invalid character in identifier");
            }
            return Ok((length, Kind::Name(name.to_owned())));
        }
        match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => Ok((sign.len(), Kind::Sign(sign))),
            None if c == '!' || c == ';' => self.fail(format!("unexpected char '{c}'")),
            None => self.fail(format!("unexpected char {}", crate::template::python::repr::quoted(&c.to_string()))),
        }
    }

    fn number(&self) -> Result<(usize, Kind), String> {
        let rest = self.rest();
        let digits = |text: &str, is: fn(char) -> bool| -> usize {
            // Digits with single underscores between them.
            let (mut length, bytes) = (0, text.as_bytes());
            while length < bytes.len() {
                let at = if bytes[length] == b'_' && length > 0 { length + 1 } else { length };
                match bytes.get(at) {
                    Some(byte) if is(char::from(*byte)) => length = at + 1,
                    _ => break,
                }
            }
            length
        };
        let decimal = |c: char| c.is_ascii_digit();
        let whole = digits(rest, decimal);
        // A float has a fraction, an exponent or both, and no point before it.
        let after_point = self.source[..self.at].ends_with('.');
        let mut length = whole;
        if !after_point {
            let fraction = rest[whole..].strip_prefix('.').map_or(0, |fraction| digits(fraction, decimal));
            if fraction > 0 {
                length += 1 + fraction;
            }
            let mut exponent = rest[length..].chars();
            if matches!(exponent.next(), Some('e' | 'E')) {
                let signed = exponent.as_str();
                let sign = usize::from(signed.starts_with(['+', '-']));
                let count = digits(&signed[sign..], decimal);
                if count > 0 {
                    length += 1 + sign + count;
                }
            }
        }
        if length > whole {
            return match rest[..length].replace('_', "").parse() {
                Ok(float) => Ok((length, Kind::Float(float))),
                Err(_) => self.fail("invalid float"),
            };
        }
        let radix = match rest.get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => Some((16, (|c: char| c.is_ascii_hexdigit()) as fn(char) -> bool)),
            Some("0o") => Some((8, (|c: char| ('0'..='7').contains(&c)) as fn(char) -> bool)),
            Some("0b") => Some((2, (|c: char| matches!(c, '0' | '1')) as fn(char) -> bool)),
            _ => None,
        };
        if let Some((radix, is)) = radix {
            let body = rest[2..].strip_prefix('_').unwrap_or(&rest[2..]);
            let skipped = rest.len() - body.len();
            let count = digits(body, is);
            if count > 0 {
                let number = BigInt::parse_bytes(body[..count].replace('_', "").as_bytes(), radix);
                return Ok((skipped + count, Kind::Whole(number.unwrap_or_default())));
            }
        }
        // Only zeros may begin with a zero; of `012` Jinja reads a 0, and finds no use for the 12.
        let length = if rest.starts_with('0') { digits(rest, |c| c == '0') } else { whole };
        if length > 4300 {
            return self.fail("a number longer than 4300 digits");
        }
        let number = BigInt::parse_bytes(rest[..length].replace('_', "").as_bytes(), 10);
        Ok((length, Kind::Whole(number.unwrap_or_default())))
    }

    fn string(&self, quote: char) -> Result<(usize, Kind), String> {
        let rest = self.rest();
        let mut escaped = false;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                c if c == quote => {
                    let text = unescaped(&rest[1..at]).or_else(|what| self.fail(what))?;
                    return Ok((at + 1, Kind::Text(text)));
                }
                _ => {}
            }
        }
        self.fail(format!("unexpected char {}", crate::template::python::repr::quoted(&quote.to_string())))
    }
}

fn is_word(c: char) -> bool {
    use unicode_general_category::{GeneralCategory as Is, get_general_category};
    c.is_alphanumeric()
        || matches!(get_general_category(c), Is::NonspacingMark | Is::SpacingMark | Is::ConnectorPunctuation)
}

/// The next tag of a text, the earliest.
fn next_tag(text: &str) -> Option<(usize, Tag)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(found) = text[at..].find('{') {
        at += found;
        match bytes.get(at + 1) {
            Some(b'%') => return Some((at, Tag::Block)),
            Some(b'{') => return Some((at, Tag::Print)),
            Some(b'#') => return Some((at, Tag::Comment)),
            _ => at += 1,
        }
    }
    None
}

/// The length of `{% raw %}` with its signs and, where it asks for that, the blanks behind it.
fn raw_begin(text: &str) -> Option<usize> {
    let inner = text.strip_prefix("{%")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner).trim_start_matches(is_space);
    let inner = inner.strip_prefix("raw")?.trim_start_matches(is_space);
    let behind = match inner.strip_prefix('-') {
        Some(inner) => inner.strip_prefix("%}")?.trim_start_matches(is_space),
        None => inner.strip_prefix("%}")?,
    };
    Some(text.len() - behind.len())
}

/// Python's `unicode-escape`.
fn unescaped(text: &str) -> Result<String, String> {
    let (mut out, mut chars) = (String::with_capacity(text.len()), text.chars().peekable());
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let Some(kind) = chars.next() else { return Err("\\ at end of string".to_owned()) };
        match kind {
            '\n' => {}
            '\\' | '\'' | '"' => out.push(kind),
            'a' => out.push('\u{7}'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'v' => out.push('\u{b}'),
            '0'..='7' => {
                let mut code = kind as u32 - '0' as u32;
                for _ in 0..2 {
                    let Some(digit) = chars.next_if(|c| ('0'..='7').contains(c)) else { break };
                    code = code * 8 + digit as u32 - '0' as u32;
                }
                out.push(char::from_u32(code).ok_or("illegal Unicode character")?);
            }
            'x' | 'u' | 'U' => {
                let length = match kind {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let digits: String =
                    std::iter::from_fn(|| chars.next_if(char::is_ascii_hexdigit)).take(length).collect();
                if digits.len() < length {
                    return Err(format!("truncated \\{kind} escape"));
                }
                let code = u32::from_str_radix(&digits, 16).map_err(|error| error.to_string())?;
                out.push(char::from_u32(code).ok_or("a lone surrogate, which no text here can hold")?);
            }
            'N' => {
                let name: String = match chars.next_if_eq(&'{') {
                    Some(_) => chars.by_ref().take_while(|c| *c != '}').collect(),
                    None => return Err("malformed \\N character escape".to_owned()),
                };
                out.push(unicode_names2::character(&name).ok_or("unknown Unicode character name")?);
            }
            // Python keeps an escape that it does not know.
            other => out.extend(['\\', other]),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(source: &str) -> Vec<String> {
        let tokens = tokens(&normalised(source)).unwrap();
        tokens
            .into_iter()
            .filter_map(|token| if let Kind::Data(text) = token.kind { Some(text) } else { None })
            .collect()
    }

    #[test]
    fn blanks_around_tags_go_as_jinja_has_them_go() {
        assert_eq!(data("a\n  {% x %}\nb\n"), ["a\n", "b"]);
        assert_eq!(data("a\n  {%+ x +%}\nb"), ["a\n  ", "\nb"]);
        assert_eq!(data("a \n{%- x -%} \n b"), ["a", "b"]);
        assert_eq!(data("  {{ x }}\n"), ["  "]);
        assert_eq!(data("  {# c #}\n  x"), ["  x"]);
        assert_eq!(data("a\r\nb\rc"), ["a\nb\nc"]);
        assert_eq!(data("x {% y %}"), ["x "]);
    }

    #[test]
    fn raw_blocks_are_text() {
        assert_eq!(data("a{% raw %}{{ x }}{% endraw %}b"), ["a", "{{ x }}", "b"]);
        assert_eq!(data("{%- raw -%}  {% if %}\n  {%- endraw %}\nb"), ["{% if %}", "b"]);
        assert!(tokens("{% raw %}x").unwrap_err().contains("Missing end of raw"));
    }

    #[test]
    fn literals_are_read_as_pythons() {
        let kinds =
            |source: &str| -> Vec<Kind> { tokens(source).unwrap().into_iter().map(|token| token.kind).collect() };
        assert_eq!(kinds("{{ 1_000 }}")[1], Kind::Whole(BigInt::from(1000)));
        assert_eq!(kinds("{{ 0x_fF }}")[1], Kind::Whole(BigInt::from(255)));
        assert_eq!(kinds("{{ 1e-7 }}")[1], Kind::Float(1e-7));
        assert_eq!(kinds(r"{{ 'a\x41\u00e9\101\q' }}")[1], Kind::Text("aAéA\\q".into()));
        assert_eq!(kinds("{{ x.0.1 }}").len(), 8, "a point and digits behind a point are no float");
    }
}
