//! Jinja's tests: `value is name`.

use super::arguments::Arguments;
use super::filters;
use super::render::Renderer;
use super::tree::Comparison;
use crate::template::python::compare::{Key, contains, equal, same};
use crate::template::python::items::{is_iterable, is_sequence};
use crate::template::python::number::{Operator, binary};
use crate::template::python::repr::string;
use crate::template::python::text::is_all;
use crate::template::python::value::{Text, Value};
use crate::template::python::{Outcome, error};

/// Every test that Jinja has.
const NAMES: [&str; 39] = [
    "odd",
    "even",
    "divisibleby",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "escaped",
    "in",
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    ">",
    "gt",
    "greaterthan",
    "ge",
    ">=",
    "<",
    "lt",
    "lessthan",
    "<=",
    "le",
];

/// Whether there is such a test.
pub fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        "==" | "eq" | "equalto" => Comparison::Equal,
        "!=" | "ne" => Comparison::NotEqual,
        ">" | "gt" | "greaterthan" => Comparison::Greater,
        ">=" | "ge" => Comparison::GreaterOrEqual,
        "<" | "lt" | "lessthan" => Comparison::Less,
        "<=" | "le" => Comparison::LessOrEqual,
        _ => return None,
    })
}

impl Renderer<'_> {
    /// Whether a value passes a test.
    ///
    /// # Errors
    /// There is no such test, or it takes other arguments or values.
    pub fn test(&self, name: &str, value: &Value, arguments: Arguments) -> Outcome<bool> {
        self.meter.step()?;
        if let Some(comparison) = comparison(name) {
            let [other] = arguments.exactly(name)?;
            return self.holds(comparison, value, &other);
        }
        match name {
            "divisibleby" => {
                let [number] = arguments.named(name, ["num"], 1)?;
                let rest = binary(Operator::Mod, value, &number.unwrap_or(Value::None), self.meter)?;
                equal(&rest, &Value::Int(0), self.meter)
            }
            "sameas" => {
                let [other] = arguments.named(name, ["other"], 1)?;
                Ok(other.is_some_and(|other| same(value, &other)))
            }
            "in" => {
                let [container] = arguments.named(name, ["seq"], 1)?;
                contains(&container.unwrap_or(Value::None), value, self.meter)
            }
            name if is_known(name) => {
                let [] = arguments.exactly(name)?;
                self.plain_test(name, value)
            }
            other => error(format!("No test named '{other}'.")),
        }
    }

    fn plain_test(&self, name: &str, value: &Value) -> Outcome<bool> {
        Ok(match name {
            "odd" | "even" => {
                let rest = binary(Operator::Mod, value, &Value::Int(2), self.meter)?;
                equal(&rest, &Value::Int(i64::from(name == "odd")), self.meter)?
            }
            "defined" => !matches!(value, Value::Undefined(_)),
            "undefined" => matches!(value, Value::Undefined(_)),
            "filter" | "test" => {
                Key::of(value, self.meter)?; // what has no hash is an error
                value.as_text().is_some_and(if name == "test" { is_known } else { filters::is_known })
            }
            "none" => matches!(value, Value::None),
            "boolean" => matches!(value, Value::Bool(_)),
            "false" => matches!(value, Value::Bool(false)),
            "true" => matches!(value, Value::Bool(true)),
            "integer" => matches!(value, Value::Int(_) | Value::Big(_)),
            "float" => matches!(value, Value::Float(_)),
            "lower" | "upper" => {
                let text = string(value, self.meter)?;
                self.meter.scan(text.len())?;
                is_all(&text, name == "upper")
            }
            "string" => matches!(value, Value::Text(_)),
            "mapping" => matches!(value, Value::Dict(_)),
            "number" => matches!(value, Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_)),
            "sequence" => is_sequence(value),
            "iterable" => is_iterable(value),
            "callable" => {
                matches!(value, Value::Callable(_) | Value::Loop(_) | Value::Joiner(_) | Value::Undefined(_))
            }
            _ => matches!(value, Value::Text(Text { markup: true, .. })), // escaped
        })
    }
}
