//! Equality, order, hashes and membership.

use std::cmp::Ordering;
use std::rc::Rc;
use std::sync::Arc;

use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use super::items::iterate;
use super::value::{Callable, Value, View};
use super::{Outcome, error};
use crate::template::meter::Meter;

/// What a value is found by in a dict: equal values have equal keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// `None`, or a value that is only equal to itself, by its address.
    Place(usize),
    /// A number that is whole.
    Whole(BigInt),
    /// Another number, by its bits.
    Float(u64),
    /// Text.
    Text(Arc<str>),
    /// A tuple.
    Tuple(Vec<Key>),
    /// A range, by its numbers.
    Range(usize, i64, i64),
}

impl Key {
    /// Of text.
    pub fn text(text: &str) -> Key {
        Key::Text(Arc::from(text))
    }

    /// Of a value.
    ///
    /// # Errors
    /// Lists, dicts and the like have none.
    pub fn of(value: &Value, meter: &Meter) -> Outcome<Key> {
        Ok(match value {
            Value::None => Key::Place(0),
            Value::Undefined(_) => Key::Place(1),
            Value::Bool(truth) => Key::Whole(BigInt::from(u8::from(*truth))),
            Value::Int(number) => Key::Whole(BigInt::from(*number)),
            Value::Big(number) => {
                meter.build(number.bits() as usize / 8)?;
                Key::Whole((**number).clone())
            }
            Value::Float(number) if number.fract() == 0.0 => Key::Whole(BigInt::from_f64(*number).unwrap_or_default()),
            Value::Float(number) => Key::Float(number.to_bits()),
            Value::Text(text) => {
                meter.read(text.text.len())?;
                Key::Text(Arc::clone(&text.text))
            }
            Value::Tuple(items) => {
                meter.charge_items(items.values.len())?;
                Key::Tuple(meter.deeper(|| items.values.iter().map(|item| Key::of(item, meter)).collect())?)
            }
            Value::Range(range) => match range.len() {
                0 => Key::Range(0, 0, 0),
                1 => Key::Range(1, range.start, 0),
                n => Key::Range(n, range.start, range.step),
            },
            Value::Namespace(space) => Key::Place(Rc::as_ptr(space) as usize),
            Value::Stream(stream) => Key::Place(Rc::as_ptr(stream) as usize),
            Value::Callable(Callable::Global(name)) => Key::Place(name.as_ptr() as usize),
            Value::Callable(Callable::Macro(made)) => Key::Place(Rc::as_ptr(made) as usize),
            Value::Loop(it) => Key::Place(Rc::as_ptr(it) as usize),
            Value::Cycler(it) => Key::Place(Rc::as_ptr(it) as usize),
            Value::Joiner(it) => Key::Place(Rc::as_ptr(it) as usize),
            Value::Callable(Callable::Method(method)) => {
                Key::Tuple(vec![Key::of(&method.of, meter)?, Key::text(method.name)])
            }
            // Of the three views only this one is no set; what is in it does not matter.
            Value::View(View::Values, dict) => Key::Place(Rc::as_ptr(dict) as usize),
            Value::List(_) | Value::Dict(_) | Value::View(View::Keys | View::Items, _) => {
                return error(format!("unhashable type: '{}'", value.type_name()));
            }
        })
    }
}

/// A number of any kind.
enum Number<'a> {
    Whole(&'a BigInt),
    Short(i64),
    Float(f64),
}

impl Number<'_> {
    fn bytes(&self) -> usize {
        match self {
            Number::Whole(number) => number.bits() as usize / 8,
            Number::Short(_) | Number::Float(_) => 0,
        }
    }
}

fn number(value: &Value) -> Option<Number<'_>> {
    Some(match value {
        Value::Bool(truth) => Number::Short(i64::from(*truth)),
        Value::Int(number) => Number::Short(*number),
        Value::Big(number) => Number::Whole(number),
        Value::Float(number) => Number::Float(*number),
        _ => return None,
    })
}

/// Numbers in their exact order; none where one is not a number.
fn number_order(a: &Value, b: &Value, meter: &Meter) -> Outcome<Option<Option<Ordering>>> {
    let (Some(a), Some(b)) = (number(a), number(b)) else { return Ok(None) };
    meter.read(a.bytes().min(b.bytes()))?;
    Ok(Some(match (a, b) {
        (Number::Short(a), Number::Short(b)) => Some(a.cmp(&b)),
        (Number::Float(a), Number::Float(b)) => a.partial_cmp(&b),
        (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(b)),
        (Number::Whole(a), Number::Short(b)) => Some(a.cmp(&BigInt::from(b))),
        (Number::Short(a), Number::Whole(b)) => Some(BigInt::from(a).cmp(b)),
        (Number::Whole(a), Number::Float(b)) => whole_against_float(a, b),
        (Number::Short(a), Number::Float(b)) => whole_against_float(&BigInt::from(a), b),
        (Number::Float(a), Number::Whole(b)) => whole_against_float(b, a).map(Ordering::reverse),
        (Number::Float(a), Number::Short(b)) => whole_against_float(&BigInt::from(b), a).map(Ordering::reverse),
    }))
}

fn whole_against_float(whole: &BigInt, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    let Some(below) = BigInt::from_f64(float.floor()) else {
        return Some(if float > 0.0 { Ordering::Less } else { Ordering::Greater });
    };
    let order = whole.cmp(&below);
    Some(if order == Ordering::Equal && float.fract() != 0.0 { Ordering::Less } else { order })
}

/// Whether both are one object, as `is` asks.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::None, Value::None) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        // CPython keeps one object of each small number.
        (Value::Int(a), Value::Int(b)) => a == b && (-5..=256).contains(a),
        (Value::Big(a), Value::Big(b)) => Rc::ptr_eq(a, b),
        (Value::Text(a), Value::Text(b)) => Arc::ptr_eq(&a.text, &b.text) || (a == b && a.text.len() <= 1),
        (Value::List(a), Value::List(b)) => Rc::ptr_eq(a, b),
        (Value::Tuple(a), Value::Tuple(b)) => Rc::ptr_eq(a, b) || (a.values.is_empty() && b.values.is_empty()),
        (Value::Dict(a), Value::Dict(b)) => Rc::ptr_eq(a, b),
        (Value::Namespace(a), Value::Namespace(b)) => Rc::ptr_eq(a, b),
        (Value::Stream(a), Value::Stream(b)) => Rc::ptr_eq(a, b),
        (Value::Undefined(a), Value::Undefined(b)) => Rc::ptr_eq(a, b),
        (Value::Callable(Callable::Macro(a)), Value::Callable(Callable::Macro(b))) => Rc::ptr_eq(a, b),
        (Value::Callable(Callable::Global(a)), Value::Callable(Callable::Global(b))) => a == b,
        _ => false,
    }
}

/// `a == b`
pub fn equal(a: &Value, b: &Value, meter: &Meter) -> Outcome<bool> {
    meter.step()?;
    if let Some(order) = number_order(a, b, meter)? {
        return Ok(order == Some(Ordering::Equal));
    }
    Ok(match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            meter.read(if a.text.len() == b.text.len() { a.text.len() } else { 0 })?;
            a.text == b.text
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            Rc::ptr_eq(a, b) || all_equal(&a.values, &b.values, meter)?
        }
        (Value::Dict(a), Value::Dict(b)) => {
            if Rc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.entries().len() != b.entries().len() {
                return Ok(false);
            }
            meter.deeper(|| {
                for (key, value) in a.entries() {
                    match b.get(key, meter)? {
                        Some(other) if identical(value, other, meter)? => {}
                        _ => return Ok(false),
                    }
                }
                Ok(true)
            })?
        }
        (Value::Range(a), Value::Range(b)) => Key::of(&Value::Range(*a), meter)? == Key::of(&Value::Range(*b), meter)?,
        (Value::View(View::Keys, a), Value::View(View::Keys, b)) => {
            a.entries().len() == b.entries().len()
                && a.entries()
                    .iter()
                    .map(|(key, _)| b.get(key, meter))
                    .collect::<Outcome<Vec<_>>>()?
                    .iter()
                    .all(Option::is_some)
        }
        (Value::Undefined(_), Value::Undefined(_)) => true,
        (Value::Callable(Callable::Method(a)), Value::Callable(Callable::Method(b))) => {
            a.name == b.name && same(&a.of, &b.of)
        }
        (a, b) => same(a, b),
    })
}

/// Equality within containers, where what is one object is equal even if it is not equal to itself.
fn identical(a: &Value, b: &Value, meter: &Meter) -> Outcome<bool> {
    Ok(same(a, b) || equal(a, b, meter)?)
}

fn all_equal(a: &[Value], b: &[Value], meter: &Meter) -> Outcome<bool> {
    if a.len() != b.len() {
        return Ok(false);
    }
    meter.deeper(|| {
        for (a, b) in a.iter().zip(b) {
            if !identical(a, b, meter)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

/// How `a` stands to `b`; none where they have no order, as a number that is none. `sign` is the operator that asks.
///
/// # Errors
/// Their types have no order.
pub fn order(a: &Value, b: &Value, sign: &str, meter: &Meter) -> Outcome<Option<Ordering>> {
    meter.step()?;
    if let Some(order) = number_order(a, b, meter)? {
        return Ok(order);
    }
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => {
            meter.read(a.text.len().min(b.text.len()))?;
            Ok(Some(a.text.cmp(&b.text)))
        }
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => meter.deeper(|| {
            for (a, b) in a.values.iter().zip(&b.values) {
                if !identical(a, b, meter)? {
                    return order(a, b, sign, meter);
                }
            }
            Ok(Some(a.values.len().cmp(&b.values.len())))
        }),
        _ => {
            a.require()?;
            b.require()?;
            let (a, b) = (a.type_name(), b.type_name());
            error(format!("'{sign}' not supported between instances of '{a}' and '{b}'"))
        }
    }
}

/// `item in container`
pub fn contains(container: &Value, item: &Value, meter: &Meter) -> Outcome<bool> {
    match container {
        Value::Text(text) => match item {
            Value::Text(part) => {
                meter.read(text.text.len() + part.text.len())?;
                Ok(text.text.contains(&*part.text))
            }
            _ => error(format!("'in <string>' requires string as left operand, not {}", item.type_name())),
        },
        Value::Dict(dict) | Value::View(View::Keys, dict) => Ok(dict.get(item, meter)?.is_some()),
        Value::Range(range) => Ok(match item {
            Value::Float(number) if number.fract() != 0.0 => false,
            Value::Float(_) | Value::Int(_) | Value::Bool(_) => {
                let number = item.as_int().or(if let Value::Float(f) = item { f.to_i64() } else { None });
                number.is_some_and(|number| {
                    let [number, start, stop, step] = [number, range.start, range.stop, range.step].map(i128::from); // differences fit
                    let within = if step > 0 { start..stop } else { stop + 1..start + 1 };
                    within.contains(&number) && (number - start) % step == 0
                })
            }
            _ => false,
        }),
        Value::Namespace(_)
        | Value::Callable(_)
        | Value::Cycler(_)
        | Value::Joiner(_)
        | Value::None
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Big(_)
        | Value::Float(_) => error(format!("argument of type '{}' is not iterable", container.type_name())),
        _ => {
            for other in iterate(container, meter)? {
                if identical(&other, item, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Sorts by keys as Python's `sorted` does: stably, asking only for `<`.
///
/// # Errors
/// Two keys have no order.
pub fn sort_by_keys(mut keyed: Vec<(Value, Value)>, reverse: bool, meter: &Meter) -> Outcome<Vec<Value>> {
    // Reversed before and after, equal items keep their order.
    if reverse {
        keyed.reverse();
    }
    let mut sorted = merged(keyed, meter)?;
    if reverse {
        sorted.reverse();
    }
    Ok(sorted.into_iter().map(|(_, value)| value).collect())
}

/// Sorts by merging. The standard library's sort takes no order that fails, nor one that is none, as with `nan`.
fn merged(mut keyed: Vec<(Value, Value)>, meter: &Meter) -> Outcome<Vec<(Value, Value)>> {
    if keyed.len() < 2 {
        return Ok(keyed);
    }
    let behind = merged(keyed.split_off(keyed.len() / 2), meter)?;
    let (mut left, mut right) = (merged(keyed, meter)?.into_iter().peekable(), behind.into_iter().peekable());
    let mut sorted = Vec::with_capacity(left.len() + right.len());
    while let (Some((a, _)), Some((b, _))) = (left.peek(), right.peek()) {
        let takes_right = order(b, a, "<", meter)? == Some(Ordering::Less);
        sorted.extend(if takes_right { right.next() } else { left.next() });
    }
    sorted.extend(left.chain(right));
    Ok(sorted)
}
