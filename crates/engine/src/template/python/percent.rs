//! `text % values`

use num_traits::Signed;

use super::format::{MAX_WIDTH, Spec, digits_of, of_float, whole_of};
use super::number::to_float;
use super::repr::{ascii, quoted_short, repr, string};
use super::text_methods::escaped;
use super::value::{Text, Value};
use super::{Fail, Outcome, error};
use crate::template::meter::Meter;

/// `format % values`
///
/// # Errors
/// As Python's.
pub fn percent(format: &Text, values: &Value, meter: &Meter) -> Outcome {
    meter.read(format.text.len())?;
    let mut reader = Percent { format, values, next: 0, meter };
    let text = reader.write()?;
    meter.build(text.len())?;
    Ok(Value::Text(Text { text: text.into(), markup: format.markup }))
}

struct Percent<'a> {
    format: &'a Text,
    values: &'a Value,
    next: usize,
    meter: &'a Meter,
}

impl Percent<'_> {
    fn write(&mut self) -> Outcome<String> {
        let (mut out, mut chars) = (String::new(), self.format.text.chars().peekable());
        while let Some(c) = chars.next() {
            if c == '%' {
                let field = self.field(&mut chars)?;
                self.meter.grow(out.len(), field.len())?;
                out.push_str(&field);
            } else {
                out.push(c);
            }
        }
        let given = match self.values {
            Value::Tuple(items) => items.values.len(),
            // A mapping, and whatever has items, need not be used up.
            Value::Dict(_) | Value::List(_) | Value::Range(_) | Value::Undefined(_) => self.next,
            _ => 1,
        };
        if self.next < given { error("not all arguments converted during string formatting") } else { Ok(out) }
    }

    fn argument(&mut self) -> Outcome {
        let value = match self.values {
            Value::Tuple(items) => items.values.get(self.next).cloned(),
            value if self.next == 0 => Some(value.clone()),
            _ => None,
        };
        self.next += 1;
        value.map_or_else(|| error("not enough arguments for format string"), Ok)
    }

    fn field(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Outcome<String> {
        let mut named = None;
        if chars.next_if_eq(&'(').is_some() {
            let (mut key, mut depth) = (String::new(), 1);
            for c in chars.by_ref() {
                depth += i32::from(c == '(') - i32::from(c == ')');
                if depth == 0 {
                    break;
                }
                key.push(c);
            }
            if depth > 0 {
                return error("incomplete format key");
            }
            let Value::Dict(dict) = self.values else { return error("format requires a mapping") };
            let Some(value) = dict.get_text(&key) else { return error(quoted_short(&key)) };
            named = Some(value.clone());
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
            flags.push(flag);
        }
        let mut left = flags.contains('-');
        let width = self.number(chars)?;
        left |= width.is_some_and(|width| width < 0);
        let width = usize::try_from(width.unwrap_or(0).unsigned_abs()).unwrap_or(usize::MAX);
        if width > MAX_WIDTH {
            return Err(Fail::TooMuch("asks for wider fields than any honest one"));
        }
        let precision = match chars.next_if_eq(&'.') {
            Some(_) => Some(usize::try_from(self.number(chars)?.unwrap_or(0).max(0)).unwrap_or(0)),
            None => None,
        };
        if precision.is_some_and(|precision| precision > MAX_WIDTH) {
            return Err(Fail::TooMuch("asks for wider fields than any honest one"));
        }
        while chars.next_if(|c| matches!(c, 'h' | 'l' | 'L')).is_some() {}
        let Some(kind) = chars.next() else { return error("incomplete format") };
        if kind == '%' {
            return Ok("%".to_owned());
        }
        let value = match named {
            Some(value) => value,
            None => self.argument()?,
        };
        let zero = flags.contains('0') && !left;
        let sign = if flags.contains('+') { Some('+') } else { flags.contains(' ').then_some(' ') };
        let align = if left { Some('<') } else { Some(if zero && kind_is_number(kind) { '=' } else { '>' }) };
        let fill = (zero && kind_is_number(kind)).then_some('0');
        let spec = Spec { fill, align, sign, alternate: flags.contains('#'), width, precision, ..Spec::default() };
        self.converted(spec, kind, &value)
    }

    /// A number of the format, or the next value for `*`.
    fn number(&mut self, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Outcome<Option<i64>> {
        if chars.next_if_eq(&'*').is_some() {
            return match self.argument()? {
                Value::Int(number) => Ok(Some(number)),
                _ => error("* wants int"),
            };
        }
        Ok(digits_of(chars)?.map(|number| number as i64))
    }

    fn converted(&self, spec: Spec, kind: char, value: &Value) -> Outcome<String> {
        let meter = self.meter;
        let text = |text: String| if self.format.markup { escaped(&text, meter) } else { Ok(text) };
        match kind {
            's' => {
                let shown = match value {
                    Value::Text(inner) if self.format.markup && inner.markup => inner.text.to_string(),
                    value => text(string(value, meter)?)?,
                };
                spec_text(&spec, &shown, meter)
            }
            'r' => spec_text(&spec, &text(repr(value, meter)?)?, meter),
            'a' => spec_text(&spec, &text(ascii(&repr(value, meter)?))?, meter),
            'c' => {
                let c = match value {
                    Value::Text(text) if text.text.chars().count() == 1 => text.text.to_string(),
                    Value::Int(code) => match u32::try_from(*code).ok().and_then(char::from_u32) {
                        Some(c) => c.to_string(),
                        None => return error("%c arg not in range(0x110000)"),
                    },
                    _ => return error("%c requires int or char"),
                };
                spec_text(&spec, &c, meter)
            }
            'd' | 'i' | 'u' | 'o' | 'x' | 'X' => self.whole(spec, kind, value),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let number = match value {
                    Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) => to_float(value)?,
                    _ => {
                        value.require()?;
                        return error(format!("must be real number, not {}", value.type_name()));
                    }
                };
                of_float(&Spec { kind: Some(kind), ..spec }, number, meter)
            }
            other => error(format!("unsupported format character '{other}' (0x{:x})", other as u32)),
        }
    }

    fn whole(&self, spec: Spec, kind: char, value: &Value) -> Outcome<String> {
        let takes = match value {
            Value::Bool(_) | Value::Int(_) | Value::Big(_) => true,
            Value::Float(_) => matches!(kind, 'd' | 'i' | 'u'),
            _ => false,
        };
        if !takes {
            value.require()?;
            let number = if matches!(kind, 'd' | 'i' | 'u') { "a real number" } else { "an integer" };
            return error(format!("%{kind} format: {number} is required, not {}", value.type_name()));
        }
        let whole = whole_of(value, self.meter)?;
        let (radix, prefix) = match kind {
            'o' => (8, "0o"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        self.meter.read(whole.bits() as usize)?;
        let digits = if radix == 10 { super::number::digits(&whole.abs())? } else { whole.abs().to_str_radix(radix) };
        let digits = if kind == 'X' { digits.to_uppercase() } else { digits };
        let zeros = spec.precision.unwrap_or(0).saturating_sub(digits.len());
        let digits = "0".repeat(zeros) + &digits;
        let sign = format!("{}{}", spec.sign(whole.is_negative()), if spec.alternate { prefix } else { "" });
        spec.lay(&sign, &digits, true, self.meter)
    }
}

fn kind_is_number(kind: char) -> bool {
    !matches!(kind, 's' | 'r' | 'a' | 'c')
}

fn spec_text(spec: &Spec, text: &str, meter: &Meter) -> Outcome<String> {
    let cut: String = match spec.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    };
    spec.lay("", &cut, false, meter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn percented(format: &str, values: Vec<Value>) -> String {
        let meter = Meter::new(crate::template::meter::PROBE);
        let values = Value::tuple(values, &meter).unwrap();
        match percent(&Text::plain(format), &values, &meter) {
            Ok(Value::Text(text)) => text.text.to_string(),
            other => format!("{:?}", other.err()),
        }
    }

    #[test]
    fn percent_fields_are_filled_as_python_fills_them() {
        assert_eq!(
            percented(
                "%s|%5d|%-5s|%05.1f|%x%%",
                vec![Value::None, Value::Int(7), Value::text("a"), Value::Float(2.25), Value::Int(255)]
            ),
            "None|    7|a    |002.2|ff%"
        );
        assert_eq!(
            percented("%*d %r %c", vec![Value::Int(4), Value::Int(7), Value::text("a'"), Value::Int(65)]),
            "   7 \"a'\" A"
        );
        assert!(percented("%d", vec![Value::text("x")]).contains("a real number is required"));
        assert!(percented("%s", vec![]).contains("not enough arguments"));
        assert!(percented("x", vec![Value::None]).contains("not all arguments converted"));
    }
}
