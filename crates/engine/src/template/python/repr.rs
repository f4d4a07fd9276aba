//! What `str` and `repr` write.

use unicode_general_category::{GeneralCategory, get_general_category};

use super::number::digits;
use super::value::{Callable, Items, Value};
use super::{Fail, Outcome};
use crate::template::meter::Meter;

/// Python's `str(value)`.
pub fn string(value: &Value, meter: &Meter) -> Outcome<String> {
    match value {
        Value::Undefined(_) => Ok(String::new()),
        Value::Text(text) => {
            meter.build(text.text.len())?;
            Ok(text.text.to_string())
        }
        Value::Joiner(it) => Ok(format!("<joiner {}>", quoted(&it.separator))),
        value => repr(value, meter),
    }
}

/// Python's `repr(value)`.
pub fn repr(value: &Value, meter: &Meter) -> Outcome<String> {
    let mut out = Out { text: String::new(), meter };
    out.value(value)?;
    Ok(out.text)
}

/// Python's `repr` of text.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => out.push_str(&escaped(c)),
        }
    }
    out.push(quote);
    out
}

/// [`quoted`] for messages: of longer text its beginning.
pub fn quoted_short(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => quoted(&text[..end]) + "…",
        None => quoted(text),
    }
}

/// Python's `ascii(value)` of a text that `repr` wrote.
pub fn ascii(repr: &str) -> String {
    repr.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect()
}

fn escaped(c: char) -> String {
    match c as u32 {
        code @ 0..=0xff => format!("\\x{code:02x}"),
        code @ 0x100..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// Python's `str.isprintable` of a character: no control, no separator but the blank, nothing unassigned.
pub fn is_printable(c: char) -> bool {
    use GeneralCategory as Is;
    c == ' '
        || !matches!(
            get_general_category(c),
            Is::Control
                | Is::Format
                | Is::Surrogate
                | Is::PrivateUse
                | Is::Unassigned
                | Is::LineSeparator
                | Is::ParagraphSeparator
                | Is::SpaceSeparator
        )
}

/// Python's `repr` of a float: the shortest digits that read back, exponents from 1e16 and below 1e-4.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
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

struct Out<'m> {
    text: String,
    meter: &'m Meter,
}

impl Out<'_> {
    fn push(&mut self, text: &str) -> Outcome<()> {
        self.meter.grow(self.text.len(), text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Outcome<()> {
        match value {
            Value::Undefined(_) => self.push("Undefined"),
            Value::None => self.push("None"),
            Value::Bool(true) => self.push("True"),
            Value::Bool(false) => self.push("False"),
            Value::Int(number) => self.push(&number.to_string()),
            Value::Big(number) => {
                self.meter.read((number.bits() as usize / 8).saturating_mul(64))?;
                self.push(&digits(number)?)
            }
            Value::Float(number) => self.push(&float(*number)),
            Value::Text(text) => {
                self.meter.scan(text.text.len())?;
                let quoted = quoted(&text.text);
                if text.markup { self.push(&format!("Markup({quoted})")) } else { self.push(&quoted) }
            }
            Value::List(items) => self.list(items, "[", "]"),
            Value::Tuple(items) if items.values.len() == 1 => self.list(items, "(", ",)"),
            Value::Tuple(items) => self.list(items, "(", ")"),
            Value::Dict(dict) => self.pairs(dict.entries()),
            Value::View(..) => {
                self.push(value.type_name())?;
                let items = super::items::iterate(value, self.meter)?;
                self.push("(")?;
                self.sequence(&items, "[", "]")?;
                self.push(")")
            }
            Value::Range(range) if range.step == 1 => self.push(&format!("range({}, {})", range.start, range.stop)),
            Value::Range(range) => self.push(&format!("range({}, {}, {})", range.start, range.stop, range.step)),
            Value::Namespace(space) => {
                let names = space.names.borrow();
                let pairs: Vec<(Value, Value)> =
                    names.iter().map(|(name, value)| (Value::text(name), value.clone())).collect();
                self.push("<Namespace ")?;
                self.pairs(&pairs)?;
                self.push(">")
            }
            Value::Callable(Callable::Macro(made)) => self.push(&format!("<Macro {}>", made.shown_name())),
            Value::Loop(it) => self.push(&format!("<LoopContext {}/{}>", it.index(), it.length())),
            Value::Stream(_) | Value::Callable(_) | Value::Cycler(_) | Value::Joiner(_) => {
                // Python would write an address, which is another in every run.
                let what = value.type_name();
                Err(Fail::Error(format!(
                    "what '{what}' prints is an address, another in every run, and is not supported"
                )))
            }
        }
    }

    fn list(&mut self, items: &Items, open: &str, close: &str) -> Outcome<()> {
        self.sequence(&items.values, open, close)
    }

    fn sequence(&mut self, items: &[Value], open: &str, close: &str) -> Outcome<()> {
        self.push(open)?;
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.push(", ")?;
            }
            self.nested(item)?;
        }
        self.push(close)
    }

    fn pairs(&mut self, pairs: &[(Value, Value)]) -> Outcome<()> {
        self.push("{")?;
        for (index, (key, value)) in pairs.iter().enumerate() {
            if index > 0 {
                self.push(", ")?;
            }
            self.nested(key)?;
            self.push(": ")?;
            self.nested(value)?;
        }
        self.push("}")
    }

    fn nested(&mut self, value: &Value) -> Outcome<()> {
        let meter = self.meter;
        meter.deeper(|| self.value(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_spelt_as_python_spells_them() {
        let cases = [
            (1.0, "1.0"),
            (4.5, "4.5"),
            (1e16, "1e+16"),
            (1.5e-7, "1.5e-07"),
            (0.0001, "0.0001"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (f64::NAN, "nan"),
        ];
        for (value, expected) in cases {
            assert_eq!(float(value), expected);
        }
    }

    #[test]
    fn text_that_cannot_be_printed_is_escaped() {
        assert_eq!(quoted("a\u{a0}b\u{200b}c\u{2028}d\u{feff}"), r"'a\xa0b\u200bc\u2028d\ufeff'");
        assert_eq!([quoted("it's"), quoted("\"'\"")], [r#""it's""#, r#"'"\'"'"#]);
        assert_eq!(quoted("\u{1b}\u{7f}🚢é"), r"'\x1b\x7f🚢é'");
    }
}
