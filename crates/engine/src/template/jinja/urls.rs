//! The filter `urlencode`.

use super::render::Renderer;
use crate::template::python::items::{is_iterable, iterate};
use crate::template::python::repr::string;
use crate::template::python::{Outcome, Value, error};

/// Text percent-encoded, or the pairs of a dict as a query.
///
/// # Errors
/// An item is no pair.
pub fn encoded(renderer: &Renderer<'_>, value: &Value) -> Outcome {
    let meter = renderer.meter;
    // A byte takes up to three.
    let quoted = |value: &Value, in_query: bool| {
        let text = string(value, meter)?;
        meter.scan(text.len())?;
        meter.build(text.len().saturating_mul(3))?;
        Ok(quoted(&text, in_query))
    };
    if matches!(value, Value::Text(_)) || !is_iterable(value) {
        return Ok(Value::text(quoted(value, false)?));
    }
    let pairs: Vec<Vec<Value>> = match value {
        Value::Dict(dict) => dict.entries().iter().map(|(key, value)| vec![key.clone(), value.clone()]).collect(),
        other => iterate(other, meter)?.iter().map(|item| iterate(item, meter)).collect::<Outcome<_>>()?,
    };
    let mut parts = Vec::new();
    for pair in pairs {
        let [key, value] = &pair[..] else { return error("not enough values to unpack (expected 2)") };
        parts.push(format!("{}={}", quoted(key, true)?, quoted(value, true)?));
    }
    let joined = parts.join("&");
    meter.build(joined.len())?;
    Ok(Value::text(joined))
}

fn quoted(text: &str, in_query: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => out.push(char::from(byte)),
            b'/' if !in_query => out.push('/'),
            b' ' if in_query => out.push('+'),
            byte => {
                let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out
}
