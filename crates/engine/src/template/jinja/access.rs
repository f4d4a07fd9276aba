//! `value.name` and `value[key]`, as Jinja's sandbox looks them up.

use crate::template::meter::Meter;
use crate::template::python::attributes::{Found, attribute as python_attribute};
use crate::template::python::items::item as python_item;
use crate::template::python::repr::{quoted_short, repr};
use crate::template::python::{Outcome, Value};

/// `value.name`: the attribute, else the item.
///
/// # Errors
/// The value is undefined.
pub fn attribute(value: &Value, name: &str, meter: &Meter) -> Outcome {
    Ok(match python_attribute(value, name)? {
        Found::Value(found) => found,
        Found::Unsafe => kept(value, name),
        Found::None => match python_item(value, &Value::text(name), meter)? {
            Some(found) => found,
            None => missing(value, &Value::text(name), meter),
        },
    })
}

/// `value[key]`: the item, else the attribute.
///
/// # Errors
/// The value is undefined.
pub fn item(value: &Value, key: &Value, meter: &Meter) -> Outcome {
    if let Some(found) = python_item(value, key, meter)? {
        return Ok(found);
    }
    if let Some(name) = key.as_text() {
        match python_attribute(value, name)? {
            Found::Value(found) => return Ok(found),
            Found::Unsafe => return Ok(kept(value, name)),
            Found::None => {}
        }
    }
    Ok(missing(value, key, meter))
}

/// What the filter `attr` gives: the attribute alone.
///
/// # Errors
/// The value is undefined.
pub fn only_attribute(value: &Value, name: &str) -> Outcome {
    Ok(match python_attribute(value, name)? {
        Found::Value(found) => found,
        Found::Unsafe => kept(value, name),
        Found::None => missing_attribute(value, name),
    })
}

fn kept(value: &Value, name: &str) -> Value {
    let of = value.type_name();
    Value::undefined(format!("access to attribute {} of '{of}' object is unsafe.", quoted_short(name)))
}

fn missing(value: &Value, key: &Value, meter: &Meter) -> Value {
    let shown = match key {
        Value::Text(name) => return missing_attribute(value, &name.text),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) => repr(key, meter).ok(),
        _ => None,
    };
    let shown = shown.unwrap_or_else(|| format!("'{}'", key.type_name()));
    Value::undefined(format!("{} has no element {shown}", described(value)))
}

fn missing_attribute(value: &Value, name: &str) -> Value {
    Value::undefined(format!("'{}' has no attribute {}", described(value), quoted_short(name)))
}

/// Jinja's `object_type_repr`.
fn described(value: &Value) -> String {
    match value {
        Value::None => "None".to_owned(),
        other => format!("{} object", other.type_name()),
    }
}
