//! How one value is laid out in a field: `format(value, spec)`.

use num_bigint::BigInt;
use num_traits::Signed;

use super::number::{to_float, to_whole};
use super::repr::string;
use super::value::Value;
use super::{Fail, Outcome, error};
use crate::template::meter::Meter;

/// Wider than any honest field.
pub const MAX_WIDTH: usize = 1 << 20;

/// Digits behind the point beyond which those of every float are zeros, and no more than the standard library writes.
const MAX_DIGITS: usize = 1100;

/// How a value is laid out: `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
#[derive(Default)]
pub struct Spec {
    pub(super) fill: Option<char>,
    pub(super) align: Option<char>,
    pub(super) sign: Option<char>,
    pub(super) alternate: bool,
    pub(super) width: usize,
    pub(super) grouping: Option<char>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Option<char>,
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
    pub(super) fn lay(&self, sign: &str, body: &str, numeric: bool, meter: &Meter) -> Outcome<String> {
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

    pub(super) fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        }
    }
}

/// The number that comes next, if one does.
pub fn digits_of(chars: &mut std::iter::Peekable<impl Iterator<Item = char>>) -> Outcome<Option<usize>> {
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
    let whole = whole_of(value, meter)?;
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
    if spec.fill == Some('0') && spec.align == Some('=') {
        // As many digits as fill the room with a mark before every group, or one more.
        let room = spec.width.saturating_sub(taken + rest.len());
        let digits = room - room.saturating_sub(1) / (group + 1);
        whole = "0".repeat(digits.saturating_sub(whole.len())) + &whole;
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

pub fn of_float(spec: &Spec, number: f64, meter: &Meter) -> Outcome<String> {
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
    let shown = precision.min(MAX_DIGITS);
    format!("{number:.shown$}{}{point}", "0".repeat(precision - shown))
}

fn scientific(number: f64, precision: usize, alternate: bool) -> String {
    let shown = precision.min(MAX_DIGITS);
    let text = format!("{number:.shown$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{}{point}e{sign}{digits:0>2}", "0".repeat(precision - shown))
}

/// `g`, and with `as_repr` what a precision without a type gives, which keeps a digit behind the point.
fn general(number: f64, precision: usize, alternate: bool, as_repr: bool) -> String {
    let rounded = format!("{number:.*e}", (precision - 1).min(MAX_DIGITS));
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

pub fn whole_of(value: &Value, meter: &Meter) -> Outcome<BigInt> {
    Ok(match to_whole(value, meter)? {
        Value::Int(number) => BigInt::from(number),
        Value::Big(number) => (*number).clone(),
        _ => unreachable!("a whole number is short or long"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Value, spec: &str) -> String {
        formatted(&value, spec, &Meter::new(crate::template::meter::PROBE)).unwrap_or_else(|fail| format!("{fail:?}"))
    }

    #[test]
    fn specifications_are_read_as_python_reads_them() {
        for (value, spec, expected) in [
            (Value::Int(1234567), ",", "1,234,567"),
            (Value::Int(255), "#06x", "0x00ff"),
            (Value::Int(-5), "04d", "-005"),
            (Value::Int(1234), "010,", "00,001,234"),
            (Value::Float(1.23456), ".2f", "1.23"),
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
}
