//! `json.dumps`, and JSON as template values.

use num_bigint::BigInt;
use serde_json::Value as Json;

use super::number::digits;
use super::repr;
use super::value::Value;
use super::{Outcome, error};
use crate::template::meter::Meter;

/// A key under which JSON that was read here keeps a whole number of more than 64 bits, which `serde_json` has no place
/// for. Whoever writes it in a request gets a number in its place, and nothing else.
pub const WHOLE: &str = "\u{0}whole";

/// Deeper than any honest document.
const MAX_DEPTH: u32 = 128;

/// A template value with the same keys in the same order.
pub fn to_value(json: &Json, meter: &Meter) -> Outcome {
    Ok(match json {
        Json::Null => Value::None,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::whole(BigInt::from(number)),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => {
            meter.build(text.len())?;
            Value::text(text)
        }
        Json::Array(items) => {
            let items = meter.deeper(|| items.iter().map(|item| to_value(item, meter)).collect())?;
            Value::list(items, meter)?
        }
        Json::Object(fields) => {
            if let (1, Some(number)) = (fields.len(), fields.get(WHOLE).and_then(Json::as_str))
                && let Some(number) = BigInt::parse_bytes(number.as_bytes(), 10)
            {
                return Ok(Value::whole(number));
            }
            let pairs: Vec<(Value, Value)> = meter.deeper(|| {
                let pair = |(key, value): (&String, &Json)| Ok((Value::text(key), to_value(value, meter)?));
                fields.iter().map(pair).collect()
            })?;
            Value::dict(pairs, meter)?
        }
    })
}

/// How `json.dumps` is asked to write.
pub struct Writer<'m> {
    /// Whether everything beyond ASCII is escaped.
    pub ensure_ascii: bool,
    /// Whether keys are sorted.
    pub sort_keys: bool,
    /// What a level is indented by.
    pub indent: Option<String>,
    /// Between items.
    pub item_separator: String,
    /// Behind keys.
    pub key_separator: String,
    /// Characters that are not escaped whatever is asked.
    pub guards: &'m [char],
    /// What may be used up.
    pub meter: &'m Meter,
}

impl Writer<'_> {
    /// The JSON of a value.
    ///
    /// # Errors
    /// A value that JSON has no form for.
    pub fn write(&self, value: &Value) -> Outcome<String> {
        let mut out = String::new();
        self.value(value, 0, &mut out)?;
        Ok(out)
    }

    fn value(&self, value: &Value, depth: u32, out: &mut String) -> Outcome<()> {
        if depth > MAX_DEPTH {
            return error("tojson: nested deeper than 128 levels");
        }
        self.meter.grow(out.len(), 8)?;
        match value {
            Value::None => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Int(number) => out.push_str(&number.to_string()),
            Value::Big(number) => out.push_str(&digits(number)?),
            Value::Float(number) => out.push_str(&float(*number)),
            Value::Text(text) => self.string(&text.text, out)?,
            Value::List(items) | Value::Tuple(items) => {
                self.brackets(('[', ']'), &items.values, depth, out, |item, out| self.value(item, depth + 1, out))?;
            }
            Value::Dict(dict) => {
                let mut entries: Vec<(Value, Value)> = dict.entries().to_vec();
                if self.sort_keys {
                    let keyed = entries
                        .into_iter()
                        .map(|(key, value)| Ok((key.clone(), Value::tuple(vec![key, value], self.meter)?)));
                    let sorted = super::compare::sort_by_keys(keyed.collect::<Outcome<_>>()?, false, self.meter)?;
                    entries = sorted
                        .into_iter()
                        .filter_map(|pair| match pair {
                            Value::Tuple(pair) => Some((pair.values[0].clone(), pair.values[1].clone())),
                            _ => None,
                        })
                        .collect();
                }
                self.brackets(('{', '}'), &entries, depth, out, |(key, value), out| {
                    self.key(key, out)?;
                    self.meter.grow(out.len(), self.key_separator.len())?;
                    out.push_str(&self.key_separator);
                    self.value(value, depth + 1, out)
                })?;
            }
            other => return error(format!("Object of type {} is not JSON serializable", other.type_name())),
        }
        Ok(())
    }

    fn brackets<T>(
        &self,
        (open, close): (char, char),
        items: &[T],
        depth: u32,
        out: &mut String,
        mut write: impl FnMut(&T, &mut String) -> Outcome<()>,
    ) -> Outcome<()> {
        out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.meter.grow(out.len(), self.item_separator.len())?;
                out.push_str(&self.item_separator);
            }
            self.newline(depth + 1, out)?;
            write(item, out)?;
        }
        if !items.is_empty() {
            self.newline(depth, out)?;
        }
        out.push(close);
        Ok(())
    }

    fn newline(&self, depth: u32, out: &mut String) -> Outcome<()> {
        if let Some(indent) = &self.indent {
            self.meter.grow(out.len(), 1 + (depth as usize).saturating_mul(indent.len()))?;
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
        Ok(())
    }

    /// Keys are text, or scalars that Python turns into their JSON spelling between quotes.
    fn key(&self, key: &Value, out: &mut String) -> Outcome<()> {
        match key {
            Value::Text(text) => self.string(&text.text, out),
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) => {
                out.push('"');
                self.value(key, MAX_DEPTH, out)?;
                out.push('"');
                Ok(())
            }
            other => error(format!("keys must be str, int, float, bool or None, not {}", other.type_name())),
        }
    }

    fn string(&self, text: &str, out: &mut String) -> Outcome<()> {
        let before = out.len();
        self.meter.grow(out.len(), text.len())?;
        // Only what is escaped takes long; a long text that a tool answered with is honest.
        let is_escaped = |c: &char| *c < ' ' || (self.ensure_ascii && !c.is_ascii());
        self.meter.read(text.len())?;
        self.meter.scan(text.chars().filter(is_escaped).count())?;
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if c < ' ' => out.push_str(&format!("\\u{:04x}", c as u32)),
                c if self.ensure_ascii && (!c.is_ascii() || c == '\u{7f}') && !self.guards.contains(&c) => {
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
                }
                c => out.push(c),
            }
        }
        out.push('"');
        self.meter.build((out.len() - before).saturating_sub(text.len())) // escapes, at most six bytes for one
    }
}

fn float(number: f64) -> String {
    match repr::float(number).as_str() {
        "nan" => "NaN".to_owned(),
        "inf" => "Infinity".to_owned(),
        "-inf" => "-Infinity".to_owned(),
        text => text.to_owned(),
    }
}

/// Reads JSON with whole numbers of any length, as Python does.
///
/// # Errors
/// Where the text is no JSON, in the words of the reader.
pub fn read(text: &str) -> Result<Json, String> {
    // A document without long numbers is what serde_json reads.
    let whole = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if !has_long_number(text) {
        Ok(whole)
    } else {
        serde_json::from_str(&with_marked_numbers(text)).map_err(|error| error.to_string())
    }
}

/// Runs of digits that begin a number and are too long for 64 bits, outside of strings.
fn long_numbers(text: &str) -> Vec<(usize, usize)> {
    const SHORT: usize = 18;
    let (bytes, mut found, mut at, mut in_string) = (text.as_bytes(), Vec::new(), 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => in_string = !in_string,
            b'\\' if in_string => at += 1,
            b'-' | b'0'..=b'9' if !in_string => {
                let end = at
                    + bytes[at..]
                        .iter()
                        .take_while(|byte| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))
                        .count();
                let number = &text[at..end];
                if number.len() > SHORT && !number.contains(['.', 'e', 'E']) {
                    found.push((at, end));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn has_long_number(text: &str) -> bool {
    !long_numbers(text).is_empty()
}

fn with_marked_numbers(text: &str) -> String {
    let (mut out, mut at) = (String::with_capacity(text.len() + 64), 0);
    for (start, end) in long_numbers(text) {
        out.push_str(&text[at..start]);
        out.push_str(&format!("{{\"\\u0000whole\": \"{}\"}}", &text[start..end]));
        at = end;
    }
    out + &text[at..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_keep_all_their_digits_and_strings_stay() {
        let text = r#"{"a": 123456789012345678901234567890, "b": "1234567890123456789012 \" -1", "c": [-99999999999999999999, 5, 1e30]}"#;
        let meter = Meter::new(crate::template::meter::PROBE);
        let value = to_value(&read(text).unwrap(), &meter).unwrap();
        let shown = repr::repr(&value, &meter).unwrap();
        assert_eq!(
            shown,
            r#"{'a': 123456789012345678901234567890, 'b': '1234567890123456789012 " -1', 'c': [-99999999999999999999, 5, 1e+30]}"#
        );
    }
}
