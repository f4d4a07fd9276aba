//! `str.format`

use super::format::formatted;
use super::repr::{ascii, repr, string};
use super::text_methods::escaped;
use super::value::Value;
use super::{Outcome, error};
use crate::template::meter::Meter;

/// Gives the value that a field of `str.format` names: an index or a name, and what follows it.
pub trait Fields {
    /// The value of `name`, which is empty where fields are counted.
    ///
    /// # Errors
    /// There is no such argument.
    fn value(&mut self, name: &str) -> Outcome;
}

/// `str.format`: `text` with its fields filled from `fields`.
///
/// # Errors
/// As Python's.
pub fn braces(text: &str, markup: bool, fields: &mut dyn Fields, meter: &Meter) -> Outcome<String> {
    braces_within(text, markup, fields, meter, 2)
}

fn braces_within(text: &str, markup: bool, fields: &mut dyn Fields, meter: &Meter, depth: u32) -> Outcome<String> {
    if depth == 0 {
        return error("Max string recursion exceeded");
    }
    meter.build(text.len())?;
    let (mut out, mut chars) = (String::new(), text.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.next_if_eq(&'{').is_some() => out.push('{'),
            '}' if chars.next_if_eq(&'}').is_some() => out.push('}'),
            '}' => return error("Single '}' encountered in format string"),
            '{' => {
                let field = field_text(&braced(&mut chars)?, markup, fields, meter, depth)?;
                meter.grow(out.len(), field.len())?;
                out.push_str(&field);
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

/// What stands between a brace and the one that closes it.
fn braced(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Outcome<String> {
    let (mut field, mut depth) = (String::new(), 1);
    for c in chars.by_ref() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        if depth == 0 {
            return Ok(field);
        }
        field.push(c);
    }
    error("expected '}' before end of string")
}

fn field_text(field: &str, markup: bool, fields: &mut dyn Fields, meter: &Meter, depth: u32) -> Outcome<String> {
    // A colon or an exclamation mark within brackets belongs to the key there.
    let mut within = false;
    let end = field.find(|c: char| {
        within = (within || c == '[') && c != ']';
        !within && matches!(c, ':' | '!')
    });
    let (name, rest) = field.split_at(end.unwrap_or(field.len()));
    let value = fields.value(name)?;
    let (conversion, spec) = match rest.strip_prefix('!') {
        Some(rest) => {
            let mut chars = rest.chars();
            let Some(conversion) = chars.next() else { return error("unmatched '{' in format spec") };
            let rest = chars.as_str();
            match rest.strip_prefix(':') {
                Some(spec) => (Some(conversion), spec),
                None if rest.is_empty() => (Some(conversion), ""),
                None => return error("expected ':' after conversion specifier"),
            }
        }
        None => (None, rest.strip_prefix(':').unwrap_or("")),
    };
    let value = match conversion {
        None => value,
        Some('s') => Value::text(string(&value, meter)?),
        Some('r') => Value::text(repr(&value, meter)?),
        Some('a') => Value::text(ascii(&repr(&value, meter)?)),
        Some(other) => return error(format!("Unknown conversion specifier {other}")),
    };
    let spec = braces_within(spec, false, fields, meter, depth - 1)
        .or_else(|fail| if spec.is_empty() { Ok(String::new()) } else { Err(fail) })?;
    if !markup {
        return formatted(&value, &spec, meter);
    }
    match &value {
        Value::Text(text) if text.markup && spec.is_empty() => Ok(text.text.to_string()),
        Value::Text(text) if text.markup => error("Unsupported format specification for Markup."),
        _ => escaped(&formatted(&value, &spec, meter)?, meter),
    }
}
