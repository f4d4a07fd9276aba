//! What markupsafe does with HTML.

use crate::template::python::text::split;
use crate::template::python::{Outcome, error};

/// Entities by name that are read; others are refused by name.
const ENTITIES: [(&str, &str); 22] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{a0}"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("hellip", "…"),
    ("mdash", "—"),
    ("ndash", "–"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("middot", "·"),
    ("bull", "•"),
    ("deg", "°"),
    ("euro", "€"),
];

/// Text without tags and comments, runs of blanks as one, entities as what they stand for.
///
/// # Errors
/// It has an entity that is not read.
pub fn without_tags(text: &str) -> Outcome<String> {
    // Comments go first: a tag within one would end it early.
    let text = without(&without(text, "<!--", "-->"), "<", ">");
    unescape(&split(&text, None, -1).join(" "))
}

/// Text without what stands from each `open` up to the next `close`.
fn without(text: &str, open: &str, close: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, behind)) = rest.find(open).map(|at| rest.split_at(at)) {
        let Some(end) = behind.find(close) else { break };
        kept.push_str(before);
        rest = &behind[end + close.len()..];
    }
    kept + rest
}

/// Python's `html.unescape`, for numbers and the usual names.
///
/// # Errors
/// It has an entity of another name.
pub fn unescape(text: &str) -> Outcome<String> {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        let entity = &rest[start + 1..];
        let numeric = entity.strip_prefix('#');
        let (stands_for, length) = match numeric {
            Some(number) => numbered(number).map_or((None, 0), |(c, length)| (Some(c), length + 1)),
            None => named(entity)?,
        };
        match stands_for {
            Some(text) => {
                out.push_str(&text);
                rest = &entity[length..];
            }
            None => {
                out.push('&');
                rest = entity;
            }
        }
    }
    Ok(out + rest)
}

/// The character of `#123;` or `#x7b;` behind the `#`, and how much was read.
fn numbered(text: &str) -> Option<(String, usize)> {
    let (digits, radix, before) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16, 1),
        None => (text, 10, 0),
    };
    let length = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let code = u32::from_str_radix(digits.get(..length)?, radix).ok()?;
    let semicolon = usize::from(digits[length..].starts_with(';'));
    let c = match code {
        0 => '\u{fffd}',
        code => char::from_u32(code).unwrap_or('\u{fffd}'),
    };
    Some((c.to_string(), before + length + semicolon))
}

fn named(text: &str) -> Outcome<(Option<String>, usize)> {
    let length = text.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(text.len());
    if !text[length..].starts_with(';') || length == 0 {
        return Ok((None, 0));
    }
    let name = &text[..length];
    match ENTITIES.iter().find(|(known, _)| *known == name) {
        Some((_, stands_for)) => Ok((Some((*stands_for).to_owned()), length + 1)),
        None => error(format!("the entity `&{name};` is not supported")),
    }
}
