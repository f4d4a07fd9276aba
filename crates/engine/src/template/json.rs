//! JSON in and out of templates with Python's `json.dumps` spelling.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Error, ErrorKind, State};
use serde_json::Value as Json;

use super::budget;

/// The context variable that holds the stand-ins of a guarded rendering.
pub(super) const GUARDS_VARIABLE: &str = "__guards";
/// Deeper than any honest document; keeps hostile nesting from exhausting the stack.
const MAX_DEPTH: usize = 128;

/// A template value with the same keys in the same order.
pub(super) fn to_template_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::from(()),
        Json::Bool(flag) => Value::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Value::from(integer),
            (None, Some(integer)) => Value::from(integer),
            (None, None) => Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(to_template_value).collect(),
        Json::Object(fields) => {
            Value::from_pairs(fields.iter().map(|(key, value)| (key.as_str(), to_template_value(value))))
        }
    }
}

/// `tojson(ensure_ascii=False, indent=None, separators=None, sort_keys=False)`, which transformers defines over
/// Jinja's: `json.dumps` without HTML escapes.
pub(super) fn tojson(state: &mut State, value: &Value, options: Kwargs) -> Result<Value, Error> {
    let indent = match options.get::<Option<Value>>("indent")? {
        Some(indent) if indent.is_none() => None,
        Some(indent) => Some(match indent.as_str() {
            Some(text) => text.to_owned(),
            None => " ".repeat(usize::try_from(indent)?.min(64)),
        }),
        None => None,
    };
    let separators = options.get::<Option<Vec<String>>>("separators")?;
    let (item, key) = match separators.as_deref() {
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
        Some([item, key]) => (item.clone(), key.clone()),
        Some(_) => return Err(Error::new(ErrorKind::InvalidOperation, "separators must be a pair of strings")),
    };
    let writer = Writer {
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        indent,
        item_separator: item,
        key_separator: key,
        guards: state.lookup(GUARDS_VARIABLE).and_then(|guards| guards.as_str().map(str::to_owned)).unwrap_or_default(),
    };
    options.assert_all_used()?;
    let mut out = String::new();
    writer.write(value, 0, &mut out)?;
    Ok(Value::from(out))
}

struct Writer {
    ensure_ascii: bool,
    sort_keys: bool,
    indent: Option<String>,
    item_separator: String,
    key_separator: String,
    guards: String,
}

impl Writer {
    fn write(&self, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidOperation, "tojson: nested deeper than 128 levels"));
        }
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.number(value, out)?,
            ValueKind::String => self.string(value.as_str().unwrap_or_default(), out)?,
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
                self.brackets(('[', ']'), &items, depth, out, |item, out| self.write(item, depth + 1, out))?;
            }
            ValueKind::Map => {
                let mut keys: Vec<Value> = value.try_iter()?.checked().collect::<Result<_, _>>()?;
                if self.sort_keys {
                    keys.sort();
                }
                self.brackets(('{', '}'), &keys, depth, out, |key, out| {
                    self.key(key, out)?;
                    budget::charge(self.key_separator.len())?;
                    out.push_str(&self.key_separator);
                    self.write(&value.get_item(key)?, depth + 1, out)
                })?;
            }
            other => {
                return Err(Error::new(ErrorKind::InvalidOperation, format!("tojson: {other} is not serializable")));
            }
        }
        Ok(())
    }

    fn brackets(
        &self,
        (open, close): (char, char),
        items: &[Value],
        depth: usize,
        out: &mut String,
        mut write: impl FnMut(&Value, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        out.push(open);
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(&self.item_separator);
            }
            budget::charge(self.item_separator.len() + 24)?; // as much as a number has
            self.newline(depth + 1, out)?;
            write(item, out)?;
        }
        if !items.is_empty() {
            self.newline(depth, out)?;
        }
        out.push(close);
        Ok(())
    }

    fn newline(&self, depth: usize, out: &mut String) -> Result<(), Error> {
        if let Some(indent) = &self.indent {
            budget::charge(1 + depth * indent.len())?;
            out.push('\n');
            (0..depth).for_each(|_| out.push_str(indent));
        }
        Ok(())
    }

    /// Keys are strings, or scalars that Python turns into their JSON spelling between quotes.
    fn key(&self, key: &Value, out: &mut String) -> Result<(), Error> {
        match key.as_str() {
            Some(text) => self.string(text, out)?,
            None => {
                out.push('"');
                self.write(key, MAX_DEPTH, out)?;
                out.push('"');
            }
        }
        Ok(())
    }

    fn number(&self, value: &Value, out: &mut String) -> Result<(), Error> {
        if value.is_integer() {
            out.push_str(&value.to_string());
        } else {
            out.push_str(&python_float(f64::try_from(value.clone())?));
        }
        Ok(())
    }

    fn string(&self, text: &str, out: &mut String) -> Result<(), Error> {
        let before = out.len();
        budget::charge(text.len())?;
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
                // DEL too is left as it is, in Python as here.
                c if self.ensure_ascii && !c.is_ascii() && !self.guards.contains(c) => {
                    let mut units = [0; 2];
                    c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
                }
                c => out.push(c),
            }
        }
        out.push('"');
        budget::charge((out.len() - before).saturating_sub(text.len())) // escapes, at most six bytes for one
    }
}

/// Python's `repr` of a float: shortest digits that read back, exponents from 1e16 and below 1e-4.
pub(super) fn python_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    let text = value.to_string();
    if text.contains('.') { text } else { text + ".0" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelt_as_python_spells_them() {
        let cases =
            [(1.0, "1.0"), (4.5, "4.5"), (1e16, "1e+16"), (1.5e-7, "1.5e-07"), (0.0001, "0.0001"), (-0.0, "-0.0")];
        for (value, expected) in cases {
            assert_eq!(python_float(value), expected);
        }
    }
}
