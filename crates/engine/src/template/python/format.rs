//! `text % values`, `str.format`, and the specifications behind their colons.

use num_bigint::BigInt;
use num_traits::Signed;

use super::number::{to_float, to_whole};
use super::repr::{ascii, repr, string};
use super::text::escape;
use super::value::{Text, Value};
use super::{Fail, Outcome, error};
use crate::template::meter::Meter;

/// Wider than any honest field.
const MAX_WIDTH: usize = 1 << 20;

/// How a value is laid out: `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
#[derive(Default)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Spec {
    fn read(text: &str) -> Outcome<Spec> {
        let mut spec = Spec::default();
        let mut rest: Vec<char> = text.chars().collect();
        let is_align = |c: Option<&char>| c.is_some_and(|c| matches!(c, '<' | '>' | '=' | '^'));
        if is_align(rest.get(1)) {
            (spec.fill, spec.align) = (Some(rest[0]), Some(rest[1]));
            rest.drain(..2);
        } else if is_align(rest.first()) {
            spec.align = Some(rest.remove(0));
        }
        let mut rest = rest.into_iter().peekable();
        spec.sign = rest.next_if(|c| matches!(c, '+' | '-' | ' '));
        rest.next_if_eq(&'z');
        spec.alternate = rest.next_if_eq(&'#').is_some();
        if rest.next_if_eq(&'0').is_some() {
            spec.fill = spec.fill.or(Some('0'));
            spec.align = spec.align.or(Some('='));
        }
        spec.width = digits_of(&mut rest)?.unwrap_or(0);
        spec.grouping = rest.next_if(|c| matches!(c, ',' | '_'));
        if rest.next_if_eq(&'.').is_some() {
            spec.precision = digits_of(&mut rest)?;
            if spec.precision.is_none() {
                return error("Format specifier missing precision");
            }
        }
        spec.kind = rest.next();
        if rest.next().is_some() {
            return error(format!("Invalid format specifier '{text}'"));
        }
        Ok(spec)
    }

    /// `body` behind its sign in the field; `body` is text or a number by where it stands without an alignment.
    fn lay(&self, sign: &str, body: &str, numeric: bool, meter: &Meter) -> Outcome<String> {
        let missing = self.width.saturating_sub(sign.chars().count() + body.chars().count());
        let fill = self.fill.unwrap_or(' ');
        meter.build(sign.len() + body.len() + missing.saturating_mul(fill.len_utf8()))?;
        let filled = |n: usize| fill.to_string().repeat(n);
        Ok(match self.align.unwrap_or(if numeric { '>' } else { '<' }) {
            '<' => format!("{sign}{body}{}", filled(missing)),
            '^' => format!("{}{sign}{body}{}", filled(missing / 2), filled(missing - missing / 2)),
            '=' => format!("{sign}{}{body}", filled(missing)),
            _ => format!("{}{sign}{body}", filled(missing)),
        })
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        }
    }
}

/// The number that comes next, if one does.
fn digits_of(chars: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Outcome<Option<usize>> {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() { Ok(None) } else { width(&digits).map(Some) }
}

fn width(digits: &str) -> Outcome<usize> {
    match digits.parse() {
        Ok(width) if width <= MAX_WIDTH => Ok(width),
        _ => Err(Fail::TooMuch("asks for wider fields than any honest one")),
    }
}

/// `format(value, spec)`
pub fn formatted(value: &Value, spec: &str, meter: &Meter) -> Outcome<String> {
    meter.read(spec.len())?;
    if spec.is_empty() {
        return string(value, meter);
    }
    let parsed = Spec::read(spec)?;
    match value {
        Value::Text(text) => of_text(&parsed, &text.text, meter),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) => of_whole(&parsed, value, meter),
        Value::Float(number) => of_float(&parsed, *number, meter),
        _ => error(format!("unsupported format string passed to {}.__format__", value.type_name())),
    }
}

fn of_text(spec: &Spec, text: &str, meter: &Meter) -> Outcome<String> {
    if !matches!(spec.kind, None | Some('s')) {
        return unknown(spec, "str");
    }
    if spec.sign.is_some()
        || spec.alternate
        || spec.grouping.is_some()
        || spec.align == Some('=') && spec.fill != Some('0')
    {
        return error("Sign, grouping, # and '=' are not allowed in string format specifier");
    }
    let cut: String = match spec.precision {
        Some(most) => text.chars().take(most).collect(),
        None => text.to_owned(),
    };
    // A zero before the width fills text on its right.
    let align = spec.align.filter(|align| *align != '=');
    Spec { align, fill: spec.fill, width: spec.width, ..Spec::default() }.lay("", &cut, false, meter)
}

fn unknown(spec: &Spec, of: &str) -> Outcome<String> {
    error(format!("Unknown format code '{}' for object of type '{of}'", spec.kind.unwrap_or(' ')))
}

fn of_whole(spec: &Spec, value: &Value, meter: &Meter) -> Outcome<String> {
    let whole = whole_of(value)?;
    let (radix, prefix) = match spec.kind {
        None | Some('d' | 'n') => (10, ""),
        Some('b') => (2, "0b"),
        Some('o') => (8, "0o"),
        Some('x') => (16, "0x"),
        Some('X') => (16, "0X"),
        Some('c') => {
            let code = u32::try_from(&whole).ok().and_then(char::from_u32);
            let Some(c) = code else { return error("%c arg not in range(0x110000)") };
            return spec.lay("", &c.to_string(), true, meter);
        }
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => return of_float(spec, to_float(value)?, meter),
        _ => return unknown(spec, "int"),
    };
    if spec.precision.is_some() {
        return error("Precision not allowed in integer format specifier");
    }
    meter.read((whole.bits() as usize / 8).saturating_mul(8))?;
    let digits = if radix == 10 { super::number::digits(&whole.abs())? } else { whole.abs().to_str_radix(radix) };
    let digits = if spec.kind == Some('X') { digits.to_uppercase() } else { digits };
    let prefix = if spec.alternate { prefix } else { "" };
    let sign = format!("{}{prefix}", spec.sign(whole.is_negative()));
    let group = if radix == 10 { 3 } else { 4 };
    let body = grouped(&digits, spec, group, sign.len());
    spec.lay(&sign, &body, true, meter)
}

/// Digits in groups; where zeros fill the field they are in groups too.
fn grouped(digits: &str, spec: &Spec, group: usize, taken: usize) -> String {
    let Some(mark) = spec.grouping else { return digits.to_owned() };
    let (whole, rest) = digits.split_at(digits.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(digits.len()));
    let mut whole = whole.to_owned();
    let shown = |n: usize| n + (n.max(1) - 1) / group;
    if spec.fill == Some('0') && spec.align == Some('=') {
        let room = spec.width.saturating_sub(taken + rest.len());
        while shown(whole.len()) < room {
            whole.insert(0, '0');
        }
    }
    let mut out = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % group == 0 {
            out.push(mark);
        }
        out.push(digit);
    }
    out + rest
}

fn of_float(spec: &Spec, number: f64, meter: &Meter) -> Outcome<String> {
    let negative = number.is_sign_negative() && !number.is_nan();
    let kind = spec.kind;
    if !matches!(kind, None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%')) {
        return unknown(spec, "float");
    }
    let body = float_body(number.abs(), kind, spec.precision, spec.alternate, meter)?;
    let sign = spec.sign(negative);
    let body = grouped(&body, spec, 3, sign.len());
    spec.lay(sign, &body, true, meter)
}

/// The digits of a float that is not negative.
fn float_body(
    number: f64,
    kind: Option<char>,
    precision: Option<usize>,
    alternate: bool,
    meter: &Meter,
) -> Outcome<String> {
    meter.build(precision.unwrap_or(6).saturating_add(32))?;
    let upper = matches!(kind, Some('E' | 'F' | 'G'));
    if !number.is_finite() {
        let word = if number.is_nan() { "nan" } else { "inf" };
        let word = if upper { word.to_uppercase() } else { word.to_owned() };
        return Ok(if kind == Some('%') { word + "%" } else { word });
    }
    let text = match kind.map(|kind| kind.to_ascii_lowercase()) {
        Some('f') => fixed(number, precision.unwrap_or(6), alternate),
        Some('%') => fixed(number * 100.0, precision.unwrap_or(6), alternate) + "%",
        Some('e') => scientific(number, precision.unwrap_or(6), alternate),
        Some(_) => general(number, precision.unwrap_or(6).max(1), alternate, false),
        None => match precision {
            Some(precision) => general(number, precision.max(1), alternate, true),
            None => super::repr::float(number),
        },
    };
    Ok(if upper { text.to_uppercase() } else { text })
}

fn fixed(number: f64, precision: usize, alternate: bool) -> String {
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{number:.precision$}{point}")
}

fn scientific(number: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{number:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}e{sign}{digits:0>2}")
}

/// `g`, and with `as_repr` what a precision without a type gives, which keeps a digit behind the point.
fn general(number: f64, precision: usize, alternate: bool, as_repr: bool) -> String {
    let rounded = format!("{number:.*e}", precision - 1);
    let exponent: i32 = rounded.split_once('e').and_then(|(_, exponent)| exponent.parse().ok()).unwrap_or(0);
    let limit = precision as i32 - i32::from(as_repr);
    if (-4..limit).contains(&exponent) {
        let text = fixed(number, (precision as i32 - 1 - exponent).max(0) as usize, alternate);
        let text = without_zeros(text, alternate);
        return if as_repr && !text.contains('.') { text + ".0" } else { text };
    }
    let text = scientific(number, precision - 1, alternate);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "+00"));
    format!("{}e{exponent}", without_zeros(mantissa.to_owned(), alternate))
}

fn without_zeros(text: String, alternate: bool) -> String {
    if alternate || !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn whole_of(value: &Value) -> Outcome<BigInt> {
    Ok(match to_whole(value)? {
        Value::Int(number) => BigInt::from(number),
        Value::Big(number) => (*number).clone(),
        _ => unreachable!("a whole number is short or long"),
    })
}

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
            let Some(value) = dict.get_text(&key) else { return error(super::repr::quoted(&key)) };
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
        let text = |text: String| if self.format.markup { escape(&text) } else { text };
        match kind {
            's' => {
                let shown = match value {
                    Value::Text(inner) if self.format.markup && inner.markup => inner.text.to_string(),
                    value => text(string(value, meter)?),
                };
                spec_text(&spec, &shown, meter)
            }
            'r' => spec_text(&spec, &text(repr(value, meter)?), meter),
            'a' => spec_text(&spec, &text(ascii(&repr(value, meter)?)), meter),
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
        let whole = whole_of(value)?;
        let (radix, prefix) = match kind {
            'o' => (8, "0o"),
            'x' => (16, "0x"),
            'X' => (16, "0X"),
            _ => (10, ""),
        };
        self.meter.read(whole.bits() as usize)?;
        let digits = if radix == 10 { super::number::digits(&whole.abs())? } else { whole.abs().to_str_radix(radix) };
        let digits = if kind == 'X' { digits.to_uppercase() } else { digits };
        let digits = format!("{digits:0>width$}", width = spec.precision.unwrap_or(0));
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
                let field = braced(&mut chars)?;
                out.push_str(&field_text(&field, markup, fields, meter, depth)?);
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
        _ => Ok(escape(&formatted(&value, &spec, meter)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value, spec: &str) -> String {
        formatted(&value, spec, &Meter::new(crate::template::meter::PROBE)).unwrap_or_else(|fail| format!("{fail:?}"))
    }

    fn percented(format: &str, values: Vec<Value>) -> String {
        let meter = Meter::new(crate::template::meter::PROBE);
        let values = Value::tuple(values, &meter).unwrap();
        match percent(&Text::plain(format), &values, &meter) {
            Ok(Value::Text(text)) => text.text.to_string(),
            other => format!("{:?}", other.err()),
        }
    }

    #[test]
    fn specifications_are_read_as_python_reads_them() {
        for (value, spec, expected) in [
            (Value::Int(1234567), ",", "1,234,567"),
            (Value::Int(255), "#06x", "0x00ff"),
            (Value::Int(-5), "04d", "-005"),
            (Value::Int(1234), "010,", "00,001,234"),
            (Value::Float(3.14159), ".2f", "3.14"),
            (Value::Float(1e20), "", "1e+20"),
            (Value::Float(1234.5), ".3", "1.23e+03"),
            (Value::Float(0.256), ".1%", "25.6%"),
            (Value::Float(12345678.0), "g", "1.23457e+07"),
            (Value::Float(100.0), ".3g", "100"),
            (Value::text("ab"), "*^5", "*ab**"),
            (Value::text("ab"), "05", "ab000"),
            (Value::text("abcdef"), ".3", "abc"),
            (Value::Bool(true), "5", "    1"),
            (Value::Bool(true), "", "True"),
            (Value::Int(5), "e", "5.000000e+00"),
        ] {
            assert_eq!(shown(value, spec), expected, "{spec}");
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
