//! Arithmetic, and numbers from text.

use num_bigint::{BigInt, Sign};
use num_traits::{FromPrimitive, Signed, ToPrimitive, Zero};

use super::percent::percent;
use super::text_methods::escaped;
use super::value::{Text, Value};
use super::{Fail, Outcome, error};
use crate::template::meter::Meter;

/// Digits that Python turns into a number or back at most.
const MAX_DIGITS: usize = 4300;

/// Binary operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `//`
    FloorDiv,
    /// `%`
    Mod,
    /// `**`
    Pow,
}

impl Operator {
    fn sign(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Sub => "-",
            Operator::Mul => "*",
            Operator::Div => "/",
            Operator::FloorDiv => "//",
            Operator::Mod => "%",
            Operator::Pow => "** or pow()",
        }
    }
}

/// A number as it is calculated with.
#[derive(Clone)]
enum Number {
    Whole(BigInt),
    Float(f64),
}

fn number(value: &Value) -> Option<Number> {
    Some(match value {
        Value::Bool(truth) => Number::Whole(BigInt::from(u8::from(*truth))),
        Value::Int(number) => Number::Whole(BigInt::from(*number)),
        Value::Big(number) => Number::Whole((**number).clone()),
        Value::Float(number) => Number::Float(*number),
        _ => return None,
    })
}

/// `a ∘ b`
///
/// # Errors
/// As Python's.
pub fn binary(operator: Operator, a: &Value, b: &Value, meter: &Meter) -> Outcome {
    meter.step()?;
    if let (Some(a), Some(b)) = (short(a), short(b))
        && let Some(done) = short_result(operator, a, b)
    {
        return Ok(Value::Int(done));
    }
    if let Some(text) = of_text(operator, a, b, meter)? {
        return Ok(text);
    }
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return of_numbers(operator, a, b, meter);
    }
    a.require()?;
    b.require()?;
    let (a, b, sign) = (a.type_name(), b.type_name(), operator.sign());
    error(format!("unsupported operand type(s) for {sign}: '{a}' and '{b}'"))
}

fn short(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// Of short whole numbers where the result is one.
fn short_result(operator: Operator, a: i64, b: i64) -> Option<i64> {
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Sub => a.checked_sub(b),
        Operator::Mul => a.checked_mul(b),
        Operator::FloorDiv if b != 0 => {
            let quotient = a.checked_div(b)?;
            Some(if a % b != 0 && (a < 0) != (b < 0) { quotient - 1 } else { quotient })
        }
        Operator::Mod if b != 0 => {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        Operator::Pow => a.checked_pow(u32::try_from(b).ok()?),
        _ => None,
    }
}

/// What operators make of texts, lists and tuples.
fn of_text(operator: Operator, a: &Value, b: &Value, meter: &Meter) -> Outcome<Option<Value>> {
    Ok(Some(match (operator, a, b) {
        (Operator::Mod, Value::Text(format), b) => percent(format, b, meter)?,
        (Operator::Add, Value::Text(a), Value::Text(b)) => {
            let markup = a.markup || b.markup;
            let side = |text: &Text| {
                let is_taken_in = markup && !text.markup;
                if is_taken_in { escaped(&text.text, meter) } else { Ok(text.text.to_string()) }
            };
            // An escape takes up to five bytes of one.
            meter.build((a.text.len() + b.text.len()).saturating_mul(if markup { 5 } else { 1 }))?;
            let joined = if markup { side(a)? + &side(b)? } else { [&*a.text, &*b.text].concat() };
            Value::Text(Text { text: joined.into(), markup })
        }
        (Operator::Add, Value::List(a), Value::List(b)) => Value::list([&a.values[..], &b.values].concat(), meter)?,
        (Operator::Add, Value::Tuple(a), Value::Tuple(b)) => Value::tuple([&a.values[..], &b.values].concat(), meter)?,
        (Operator::Mul, items @ (Value::Text(_) | Value::List(_) | Value::Tuple(_)), times)
        | (Operator::Mul, times, items @ (Value::Text(_) | Value::List(_) | Value::Tuple(_))) => {
            let Some(times) = short(times) else {
                times.require()?;
                if let Value::Big(_) = times {
                    return error("cannot fit 'int' into an index-sized integer");
                }
                let what = times.type_name();
                return error(format!("can't multiply sequence by non-int of type '{what}'"));
            };
            repeated(items, usize::try_from(times).unwrap_or(0), meter)?
        }
        (Operator::Add, Value::Text(_) | Value::List(_) | Value::Tuple(_), b) => {
            b.require()?;
            let (a, b) = (a.type_name(), b.type_name());
            return error(format!("can only concatenate {a} (not \"{b}\") to {a}"));
        }
        _ => return Ok(None),
    }))
}

fn repeated(items: &Value, times: usize, meter: &Meter) -> Outcome {
    Ok(match items {
        Value::Text(text) => {
            meter.build(text.text.len().saturating_mul(times))?;
            Value::Text(Text { text: text.text.repeat(times).into(), markup: text.markup })
        }
        Value::List(items) => {
            meter.charge_items(items.values.len().saturating_mul(times))?;
            Value::list(repeat_items(&items.values, times), meter)?
        }
        Value::Tuple(items) => {
            meter.charge_items(items.values.len().saturating_mul(times))?;
            Value::tuple(repeat_items(&items.values, times), meter)?
        }
        _ => unreachable!("only text, lists and tuples are repeated"),
    })
}

fn repeat_items(items: &[Value], times: usize) -> Vec<Value> {
    // Nothing, however often, is made without counting.
    let times = if items.is_empty() { 0 } else { times };
    std::iter::repeat_n(items, times).flatten().cloned().collect()
}

fn of_numbers(operator: Operator, a: Number, b: Number, meter: &Meter) -> Outcome {
    match (a, b) {
        (Number::Whole(a), Number::Whole(b)) => of_wholes(operator, a, b, meter),
        (a, b) => of_floats(operator, float(a)?, float(b)?),
    }
}

fn float(number: Number) -> Outcome<f64> {
    match number {
        Number::Float(float) => Ok(float),
        Number::Whole(whole) => float_of_whole(&whole),
    }
}

fn float_of_whole(whole: &BigInt) -> Outcome<f64> {
    match whole.to_f64() {
        Some(float) if float.is_finite() => Ok(float),
        _ => error("int too large to convert to float"),
    }
}

fn of_wholes(operator: Operator, a: BigInt, b: BigInt, meter: &Meter) -> Outcome {
    let bytes = |n: &BigInt| (n.bits() / 8 + 1) as usize;
    meter.build(bytes(&a) + bytes(&b))?;
    Ok(match operator {
        Operator::Add => Value::whole(a + b),
        Operator::Sub => Value::whole(a - b),
        Operator::Mul => {
            meter.read(bytes(&a).saturating_mul(bytes(&b)))?;
            Value::whole(a * b)
        }
        Operator::Div if b.is_zero() => return error("division by zero"),
        Operator::Div => Value::Float(quotient(&a, &b)?),
        Operator::FloorDiv | Operator::Mod if b.is_zero() => {
            return error("integer division or modulo by zero");
        }
        Operator::FloorDiv | Operator::Mod => {
            meter.read(bytes(&a).saturating_mul(bytes(&b)))?;
            let (mut quotient, mut rest) = (&a / &b, &a % &b);
            if !rest.is_zero() && rest.is_negative() != b.is_negative() {
                quotient -= 1;
                rest += &b;
            }
            Value::whole(if operator == Operator::Mod { rest } else { quotient })
        }
        Operator::Pow if b.sign() == Sign::Minus => {
            return of_floats(operator, float_of_whole(&a)?, float_of_whole(&b)?);
        }
        Operator::Pow => {
            let times = b.to_u32().filter(|_| a.bits() > 1);
            let Some(times) = times else {
                // 0, 1 and -1 to any power; anything else is beyond every budget.
                return match (a.to_i64(), b.bit(0)) {
                    (Some(-1), false) => Ok(Value::Int(1)),
                    (Some(short @ -1..=1), _) => Ok(Value::Int(short)),
                    _ => Err(Fail::TooMuch("takes more memory than any honest one")),
                };
            };
            let bits = a.bits().saturating_mul(u64::from(times));
            meter.build((bits / 8) as usize)?;
            meter.read((bits / 64).saturating_mul(bits / 64) as usize)?;
            Value::whole(a.pow(times))
        }
    })
}

/// The float nearest to `a / b`. Beyond 2^53 a scaled division keeps it correctly rounded.
fn quotient(a: &BigInt, b: &BigInt) -> Outcome<f64> {
    if let (Some(a), Some(b)) = (a.to_i64(), b.to_i64())
        && a.unsigned_abs() <= 1 << 53
        && b.unsigned_abs() <= 1 << 53
    {
        return Ok(a as f64 / b as f64);
    }
    let shift = 66 + b.bits() as i64 - a.bits() as i64;
    let (numerator, denominator) = match shift >= 0 {
        true => (a.abs() << shift, b.abs()),
        false => (a.abs(), b.abs() << -shift),
    };
    let mut quotient = &numerator / &denominator;
    if !(numerator % denominator).is_zero() {
        quotient |= BigInt::from(1); // sticky: what is left decides a tie
    }
    let negative = a.is_negative() != b.is_negative();
    // In two steps: a power of two below the smallest float would be 0.
    let shift = -(shift as i32);
    let scaled = quotient.to_f64().unwrap_or(f64::INFINITY) * 2f64.powi(shift / 2) * 2f64.powi(shift - shift / 2);
    if scaled.is_finite() {
        Ok(if negative { -scaled } else { scaled })
    } else {
        error("integer division result too large for a float")
    }
}

fn of_floats(operator: Operator, a: f64, b: f64) -> Outcome {
    Ok(Value::Float(match operator {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mul => a * b,
        Operator::Div if b == 0.0 => return error("float division by zero"),
        Operator::Div => a / b,
        Operator::FloorDiv | Operator::Mod if b == 0.0 => return error("float floor division by zero"),
        Operator::FloorDiv => divided(a, b).0,
        Operator::Mod => divided(a, b).1,
        Operator::Pow if a == 0.0 && b < 0.0 => return error("0.0 cannot be raised to a negative power"),
        Operator::Pow if a < 0.0 && a.is_finite() && b.fract() != 0.0 => {
            return error("complex numbers are not supported");
        }
        Operator::Pow => {
            let power = a.powf(b);
            if power.is_infinite() && a.is_finite() && b.is_finite() {
                return error("(34, 'Numerical result out of range')");
            }
            power
        }
    }))
}

/// Quotient and rest as CPython's `float_divmod`.
fn divided(a: f64, b: f64) -> (f64, f64) {
    let mut rest = a % b;
    let mut quotient = (a - rest) / b;
    if rest == 0.0 {
        rest = 0f64.copysign(b);
    } else if (b < 0.0) != (rest < 0.0) {
        rest += b;
        quotient -= 1.0;
    }
    let floor = if quotient == 0.0 {
        0f64.copysign(a / b)
    } else if quotient - quotient.floor() > 0.5 {
        quotient.floor() + 1.0
    } else {
        quotient.floor()
    };
    (floor, rest)
}

/// What a number made of this one takes.
fn build_like(value: &Value, meter: &Meter) -> Outcome<()> {
    match value {
        Value::Big(number) => meter.build(number.bits() as usize / 8),
        _ => meter.step(),
    }
}

/// `-a`, or `+a`.
pub fn signed(value: &Value, negative: bool, meter: &Meter) -> Outcome {
    build_like(value, meter)?;
    let sign = if negative { '-' } else { '+' };
    match number(value) {
        Some(Number::Whole(whole)) => Ok(Value::whole(if negative { -whole } else { whole })),
        Some(Number::Float(float)) => Ok(Value::Float(if negative { -float } else { float })),
        None => {
            value.require()?;
            error(format!("bad operand type for unary {sign}: '{}'", value.type_name()))
        }
    }
}

/// Python's `abs`.
pub fn absolute(value: &Value, meter: &Meter) -> Outcome {
    build_like(value, meter)?;
    match number(value) {
        Some(Number::Whole(whole)) => Ok(Value::whole(whole.abs())),
        Some(Number::Float(float)) => Ok(Value::Float(float.abs())),
        None => {
            value.require()?;
            error(format!("bad operand type for abs(): '{}'", value.type_name()))
        }
    }
}

/// Python's `float(value)`.
pub fn to_float(value: &Value) -> Outcome<f64> {
    match value {
        Value::Bool(truth) => Ok(f64::from(u8::from(*truth))),
        Value::Int(number) => Ok(*number as f64),
        Value::Big(number) => float_of_whole(number),
        Value::Float(number) => Ok(*number),
        Value::Text(text) => match float_of_text(&text.text) {
            Some(float) => Ok(float),
            None => error(format!("could not convert string to float: {}", super::repr::quoted_short(&text.text))),
        },
        _ => {
            value.require()?;
            error(format!("float() argument must be a string or a real number, not '{}'", value.type_name()))
        }
    }
}

/// Python's `int(value)`, of what is no text.
pub fn to_whole(value: &Value, meter: &Meter) -> Outcome {
    build_like(value, meter)?;
    match number(value) {
        Some(Number::Whole(whole)) => Ok(Value::whole(whole)),
        Some(Number::Float(float)) if float.is_nan() => error("cannot convert float NaN to integer"),
        Some(Number::Float(float)) => match BigInt::from_f64(float.trunc()) {
            Some(whole) => Ok(Value::whole(whole)),
            None => error("cannot convert float infinity to integer"),
        },
        None => {
            value.require()?;
            error(format!(
                "int() argument must be a string, a bytes-like object or a real number, not '{}'",
                value.type_name()
            ))
        }
    }
}

/// Digits with underscores between them, without those; none where they stand elsewhere.
fn without_underscores(digits: &str) -> Option<String> {
    let misplaced = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    (!misplaced).then(|| digits.replace('_', ""))
}

/// The ASCII digit that stands for a decimal digit of any script.
fn ascii_digit(c: char) -> char {
    if c.is_ascii()
        || unicode_general_category::get_general_category(c) != unicode_general_category::GeneralCategory::DecimalNumber
    {
        return c;
    }
    // Decimal digits stand in tens, each ten in its order.
    let mut zero = c as u32;
    while c as u32 - zero < 9
        && char::from_u32(zero - 1).is_some_and(|before| {
            unicode_general_category::get_general_category(before)
                == unicode_general_category::GeneralCategory::DecimalNumber
        })
    {
        zero -= 1;
    }
    char::from_digit((c as u32 - zero) % 10, 10).unwrap_or(c)
}

/// Python's `float(text)`.
fn float_of_text(text: &str) -> Option<f64> {
    let text: String = text.trim_matches(super::text::is_space).chars().map(ascii_digit).collect();
    let unsigned = text.trim_start_matches(['+', '-']);
    if text.len() - unsigned.len() > 1 {
        return None;
    }
    let lower = unsigned.to_ascii_lowercase();
    if !["inf", "infinity", "nan"].contains(&lower.as_str()) {
        let valid = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-' | '_');
        let around = |at: usize| {
            let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
            digit(unsigned[..at].chars().next_back()) && digit(unsigned[at + 1..].chars().next())
        };
        if !unsigned.chars().all(valid) || unsigned.match_indices('_').any(|(at, _)| !around(at)) {
            return None;
        }
    }
    text.replace('_', "").parse().ok()
}

/// Python's `int(text, base)`.
///
/// # Errors
/// The text is no whole number in that base, or too long for Python.
pub fn whole_of_text(text: &str, base: i64, meter: &Meter) -> Outcome {
    let invalid = || format!("invalid literal for int() with base {base}: {}", super::repr::quoted_short(text));
    if base != 0 && !(2..=36).contains(&base) {
        return error("int() base must be >= 2 and <= 36, or 0");
    }
    meter.build(text.len())?;
    meter.scan(text.len())?;
    let plain: String = text.trim_matches(super::text::is_space).chars().map(ascii_digit).collect();
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let prefix = digits.get(..2).map(str::to_ascii_lowercase);
    let by_prefix = match prefix.as_deref() {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => 10,
    };
    let (base, digits) = match base {
        0 => (by_prefix, if by_prefix == 10 { digits } else { &digits[2..] }),
        base if base == by_prefix && base != 10 => (base, &digits[2..]),
        base => (base, digits),
    };
    let prefixed = plain.len() - digits.len() >= 2 && base != 10;
    let digits = if prefixed { digits.strip_prefix('_').unwrap_or(digits) } else { digits };
    let Some(digits) = without_underscores(digits).filter(|digits| !digits.is_empty()) else { return error(invalid()) };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return error(invalid());
    }
    if !(base as u64).is_power_of_two() && digits.len() > MAX_DIGITS {
        return error(format!("Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion"));
    }
    match BigInt::parse_bytes(digits.as_bytes(), base as u32) {
        Some(whole) => Ok(Value::whole(if negative { -whole } else { whole })),
        None => error(invalid()),
    }
}

/// The digits of a whole number.
///
/// # Errors
/// There are more than Python writes.
pub fn digits(whole: &BigInt) -> Outcome<String> {
    if whole.bits() > (MAX_DIGITS as u64 + 1) * 4 {
        return error(format!("Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion"));
    }
    let digits = whole.to_string();
    if digits.trim_start_matches('-').len() > MAX_DIGITS {
        return error(format!("Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion"));
    }
    Ok(digits)
}

/// Python's `round(value, places)`.
pub fn rounded(value: &Value, places: i64, meter: &Meter) -> Outcome {
    build_like(value, meter)?;
    match number(value) {
        Some(Number::Float(float)) => Ok(Value::Float(rounded_float(float, places))),
        Some(Number::Whole(whole)) if places >= 0 => Ok(Value::whole(whole)),
        Some(Number::Whole(whole)) => {
            if places.unsigned_abs() > whole.bits() {
                return Ok(Value::Int(0));
            }
            // The unit is made, and divided by, in the square of its length.
            let bytes = whole.bits() as usize / 8;
            meter.read(bytes.saturating_mul(bytes))?;
            let unit = BigInt::from(10).pow(places.unsigned_abs() as u32);
            let half_even = |quotient: BigInt, rest: BigInt| {
                let twice = &rest * 2;
                let up = twice > unit || (twice == unit && quotient.bit(0));
                if up { quotient + 1 } else { quotient }
            };
            let (mut quotient, mut rest) = (&whole / &unit, &whole % &unit);
            if rest.is_negative() {
                quotient -= 1;
                rest += &unit;
            }
            Ok(Value::whole(half_even(quotient, rest) * &unit))
        }
        None => {
            value.require()?;
            error(format!("type {} doesn't define __round__ method", value.type_name()))
        }
    }
}

/// Correctly rounded at a decimal place, half to even, as the exact value of the float has it.
fn rounded_float(float: f64, places: i64) -> f64 {
    if !float.is_finite() || places > 323 {
        return float;
    }
    if places >= 0 {
        return format!("{float:.*}", places as usize).parse().unwrap_or(float);
    }
    if places < -308 {
        return 0f64.copysign(float);
    }
    let unit = 10f64.powi(-places as i32);
    let quotient = float / unit;
    let nearest = quotient.round_ties_even();
    nearest * unit
}
