//! Attributes and methods, as far as Jinja's immutable sandbox lets templates have them.

use std::rc::Rc;

use super::compare::{contains, equal};
use super::items::iterate;
use super::text_methods::of_text;
use super::value::{Callable, Dict, Method, Value, View};
use super::{Outcome, error};
use crate::template::jinja::arguments::Arguments;
use crate::template::meter::Meter;

const TEXT: [&str; 45] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
];
const MORE_TEXT: [&str; 2] = ["zfill", "encode"];
const MARKUP: [&str; 3] = ["striptags", "unescape", "escape"];
const SEQUENCE: [&str; 2] = ["count", "index"];
const LIST: [&str; 1] = ["copy"];
const DICT: [&str; 6] = ["copy", "fromkeys", "get", "items", "keys", "values"];
const VIEW: [&str; 1] = ["isdisjoint"];
const WHOLE: [&str; 4] = ["bit_count", "bit_length", "conjugate", "as_integer_ratio"];
const FLOAT: [&str; 3] = ["is_integer", "conjugate", "as_integer_ratio"];
/// Methods that change what they belong to: the sandbox gives none of them.
const CHANGING_LIST: [&str; 8] = ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"];
const CHANGING_DICT: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];

/// What an attribute is.
pub enum Found {
    /// It is this.
    Value(Value),
    /// It is there, and the sandbox keeps it.
    Unsafe,
    /// There is none.
    None,
}

fn known(table: &[&'static str], name: &str) -> Option<&'static str> {
    table.iter().find(|known| **known == name).copied()
}

/// `getattr(value, name)`
///
/// # Errors
/// The value is undefined.
pub fn attribute(value: &Value, name: &str) -> Outcome<Found> {
    if let Value::Namespace(space) = value {
        return Ok(space.get(name).map_or(Found::None, Found::Value));
    }
    if name.starts_with("__") && name.ends_with("__") && name.len() > 4 {
        // Python has many of these on everything, and the sandbox keeps them all.
        let everywhere = ["__class__", "__doc__", "__init__", "__eq__", "__hash__", "__repr__", "__str__", "__dict__"];
        return Ok(if everywhere.contains(&name) { Found::Unsafe } else { Found::None });
    }
    value.require()?;
    if let Some(found) = property(value, name) {
        return Ok(Found::Value(found));
    }
    let changing: &[&str] = match value {
        Value::List(_) => &CHANGING_LIST,
        Value::Dict(_) => &CHANGING_DICT,
        _ => &[],
    };
    if changing.contains(&name) {
        return Ok(Found::Unsafe);
    }
    let method = match value {
        Value::Text(text) => {
            let markup = if text.markup { known(&MARKUP, name) } else { None };
            known(&TEXT, name).or_else(|| known(&MORE_TEXT, name)).or(markup)
        }
        Value::List(_) => known(&SEQUENCE, name).or_else(|| known(&LIST, name)),
        Value::Tuple(_) | Value::Range(_) => known(&SEQUENCE, name),
        Value::Dict(_) => known(&DICT, name),
        Value::View(View::Keys | View::Items, _) => known(&VIEW, name),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) => known(&WHOLE, name),
        Value::Float(_) => known(&FLOAT, name),
        Value::Loop(_) => known(&["cycle", "changed"], name),
        Value::Cycler(_) => known(&["next", "reset"], name),
        Value::Callable(Callable::Global("dict")) => known(&["fromkeys"], name),
        _ => None,
    };
    Ok(match method {
        Some(name) => Found::Value(Value::Callable(Callable::Method(Rc::new(Method { of: value.clone(), name })))),
        None => Found::None,
    })
}

/// Attributes that are no methods.
fn property(value: &Value, name: &str) -> Option<Value> {
    Some(match (value, name) {
        (Value::Bool(truth), "real" | "numerator") => Value::Int(i64::from(*truth)),
        (Value::Int(_) | Value::Big(_), "real" | "numerator") | (Value::Float(_), "real") => value.clone(),
        (Value::Bool(_) | Value::Int(_) | Value::Big(_), "imag") => Value::Int(0),
        (Value::Bool(_) | Value::Int(_) | Value::Big(_), "denominator") => Value::Int(1),
        (Value::Float(_), "imag") => Value::Float(0.0),
        (Value::Range(range), "start") => Value::Int(range.start),
        (Value::Range(range), "stop") => Value::Int(range.stop),
        (Value::Range(range), "step") => Value::Int(range.step),
        (Value::View(_, dict), "mapping") => Value::Dict(Rc::clone(dict)),
        (Value::Tuple(items), "grouper") if items.grouped => items.values[0].clone(),
        (Value::Tuple(items), "list") if items.grouped => items.values[1].clone(),
        (Value::Loop(it), name) => return it.property(name),
        (Value::Cycler(it), "current") => it.current(),
        (Value::Cycler(it), "pos") => Value::Int(it.position.get() as i64),
        (Value::Joiner(it), "sep") => Value::text(&it.separator),
        (Value::Joiner(it), "used") => Value::Bool(it.used.get()),
        (Value::Callable(Callable::Macro(made)), name) => return made.property(name),
        _ => return None,
    })
}

/// Calls a method.
///
/// # Errors
/// As Python's.
pub fn call(method: &Method, arguments: Arguments, meter: &Meter) -> Outcome {
    match &method.of {
        Value::Text(text) => of_text(text, method.name, arguments, meter),
        Value::List(items) | Value::Tuple(items) if method.name != "copy" => {
            of_sequence(&items.values, method, arguments, meter)
        }
        Value::Range(_) => of_sequence(&iterate(&method.of, meter)?, method, arguments, meter),
        Value::Dict(dict) => of_dict(dict, method, arguments, meter),
        Value::View(..) => {
            let [other] = arguments.exactly(method.name)?;
            for item in iterate(&method.of, meter)? {
                if contains(&other, &item, meter)? {
                    return Ok(Value::Bool(false));
                }
            }
            Ok(Value::Bool(true))
        }
        Value::Loop(it) => it.call(method.name, arguments, meter),
        Value::Cycler(it) => {
            let [] = arguments.exactly(method.name)?;
            if method.name == "next" {
                Ok(it.next())
            } else {
                it.position.set(0);
                Ok(Value::None)
            }
        }
        Value::Callable(_) => {
            let [keys, value] = arguments.up_to(method.name, 1)?;
            fromkeys(&keys.unwrap_or(Value::None), value, meter)
        }
        Value::List(_) => {
            let [] = arguments.exactly("copy")?;
            Ok(method.of.clone())
        }
        of => of_number(of, method.name, arguments, meter),
    }
}

fn of_number(value: &Value, name: &str, arguments: Arguments, meter: &Meter) -> Outcome {
    let [] = arguments.exactly(name)?;
    match (name, value) {
        ("conjugate", value) => super::number::signed(value, false, meter),
        ("is_integer", Value::Float(number)) => Ok(Value::Bool(number.is_finite() && number.fract() == 0.0)),
        ("bit_length" | "bit_count", value) => {
            let magnitude = match super::number::absolute(value, meter)? {
                Value::Int(number) => num_bigint::BigInt::from(number),
                Value::Big(number) => (*number).clone(),
                _ => return error("only whole numbers have bits"),
            };
            let count = if name == "bit_length" {
                magnitude.bits()
            } else {
                magnitude.iter_u64_digits().map(|digit| u64::from(digit.count_ones())).sum()
            };
            Ok(Value::Int(count as i64))
        }
        _ => error(format!("`{name}` of a number is not supported")),
    }
}

fn of_sequence(items: &[Value], method: &Method, arguments: Arguments, meter: &Meter) -> Outcome {
    if method.name == "count" {
        let [wanted] = arguments.exactly("count")?;
        let mut found = 0;
        for item in items {
            found += i64::from(equal(item, &wanted, meter)?);
        }
        return Ok(Value::Int(found));
    }
    let [wanted, start, stop] = arguments.up_to("index", 1)?;
    let wanted = wanted.unwrap_or(Value::None);
    let at = |index: Option<Value>, otherwise: usize| {
        let index = index.as_ref().and_then(Value::as_int).unwrap_or(otherwise as i64);
        let index = if index < 0 { index + items.len() as i64 } else { index };
        index.clamp(0, items.len() as i64) as usize
    };
    let (start, stop) = (at(start, 0), at(stop, items.len()));
    for (index, item) in items.iter().enumerate().take(stop).skip(start) {
        if equal(item, &wanted, meter)? {
            return Ok(Value::Int(index as i64));
        }
    }
    error(format!("{} is not in {}", super::repr::repr(&wanted, meter)?, method.of.type_name()))
}

fn of_dict(dict: &Rc<Dict>, method: &Method, arguments: Arguments, meter: &Meter) -> Outcome {
    match method.name {
        "get" => {
            let [key, default] = arguments.up_to("get", 1)?;
            let found = dict.get(&key.unwrap_or(Value::None), meter)?.cloned();
            Ok(found.or(default).unwrap_or(Value::None))
        }
        "fromkeys" => {
            let [keys, value] = arguments.up_to("fromkeys", 1)?;
            fromkeys(&keys.unwrap_or(Value::None), value, meter)
        }
        name => {
            let [] = arguments.exactly(name)?;
            Ok(match name {
                "keys" => Value::View(View::Keys, Rc::clone(dict)),
                "values" => Value::View(View::Values, Rc::clone(dict)),
                "items" => Value::View(View::Items, Rc::clone(dict)),
                _ => method.of.clone(),
            })
        }
    }
}

fn fromkeys(keys: &Value, value: Option<Value>, meter: &Meter) -> Outcome {
    let value = value.unwrap_or(Value::None);
    Value::dict(iterate(keys, meter)?.into_iter().map(|key| (key, value.clone())), meter)
}
