//! Functions that every template has.

use std::cell::Cell;
use std::rc::Rc;

use super::arguments::Arguments;
use super::objects::{Joiner, cycler};
use super::render::Renderer;
use crate::template::python::items::iterate;
use crate::template::python::repr::string;
use crate::template::python::value::{Namespace, Range, Value};
use crate::template::python::{Callable, Fail, Outcome, error};

/// Their names.
const NAMES: [&str; 8] =
    ["range", "dict", "namespace", "cycler", "joiner", "raise_exception", "strftime_now", "lipsum"];

/// Numbers of a range that the sandbox lets a template have.
const MAX_RANGE: usize = 100_000;

/// The function of this name.
pub fn named(name: &str) -> Option<Value> {
    NAMES.iter().find(|known| **known == name).map(|name| Value::Callable(Callable::Global(name)))
}

impl Renderer<'_> {
    /// Calls a global function.
    ///
    /// # Errors
    /// As Python's and Jinja's.
    pub fn call_global(&self, name: &str, arguments: Arguments) -> Outcome {
        match name {
            "range" => range(arguments),
            "dict" => {
                let mut pairs = self.pairs_of("dict", arguments.positional)?;
                pairs.extend(arguments.keywords.into_iter().map(|(name, value)| (Value::text(name), value)));
                Value::dict(pairs, self.meter)
            }
            "namespace" => {
                let space = Namespace::default();
                for (key, value) in self.pairs_of("namespace", arguments.positional)? {
                    match key.as_text() {
                        Some(name) => space.set(name, value, self.meter)?,
                        None => return error("keywords must be strings"),
                    }
                }
                for (name, value) in arguments.keywords {
                    space.set(&name, value, self.meter)?;
                }
                Ok(Value::Namespace(Rc::new(space)))
            }
            "cycler" if arguments.keywords.is_empty() => cycler(arguments.positional, self.meter),
            "joiner" => {
                let [separator] = arguments.named("joiner", ["sep"], 0)?;
                let separator = separator.map_or(Ok(", ".to_owned()), |separator| string(&separator, self.meter))?;
                Ok(Value::Joiner(Rc::new(Joiner { separator, used: Cell::new(false) })))
            }
            "raise_exception" => {
                let [message] = arguments.named("raise_exception", ["message"], 1)?;
                Err(Fail::Refused(string(&message.unwrap_or(Value::None), self.meter)?))
            }
            "strftime_now" => {
                let [format] = arguments.named("strftime_now", ["format"], 1)?;
                match format.as_ref().and_then(Value::as_text) {
                    Some(format) => {
                        // A directive of five bytes fills a field of a thousand.
                        self.meter.build(format.len().saturating_mul(200))?;
                        Ok(Value::text(self.clock.strftime(format).map_err(|e| Fail::Error(e.to_string()))?))
                    }
                    None => error("strftime() argument 1 must be str"),
                }
            }
            "lipsum" => error("`lipsum` gives other words in every run, and is not supported"),
            other => error(format!("{other}() takes no such arguments")),
        }
    }

    /// Keys and values of what `dict` is made of: a dict, or pairs.
    fn pairs_of(&self, of: &str, positional: Vec<Value>) -> Outcome<Vec<(Value, Value)>> {
        let [source] = match positional.len() {
            0 => return Ok(Vec::new()),
            _ => Arguments::of(positional).exactly(of)?,
        };
        if let Value::Dict(dict) = &source {
            return Ok(dict.entries().to_vec());
        }
        let pair = |item: Value| {
            let items = iterate(&item, self.meter)?;
            match <[Value; 2]>::try_from(items) {
                Ok([key, value]) => Ok((key, value)),
                Err(items) => {
                    error(format!("dictionary update sequence element has length {}; 2 is required", items.len()))
                }
            }
        };
        iterate(&source, self.meter)?.into_iter().map(pair).collect()
    }
}

fn range(arguments: Arguments) -> Outcome {
    let mut numbers = [0; 3];
    let given = arguments.up_to::<3>("range", 1)?;
    for (number, value) in numbers.iter_mut().zip(&given) {
        if let Some(value) = value {
            *number = match value {
                Value::Bool(_) | Value::Int(_) => value.as_int().unwrap_or(0),
                Value::Big(_) => {
                    return error("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
                }
                other => {
                    other.require()?;
                    return error(format!("'{}' object cannot be interpreted as an integer", other.type_name()));
                }
            };
        }
    }
    let range = match given {
        [_, None, _] => Range { start: 0, stop: numbers[0], step: 1 },
        [_, _, None] => Range { start: numbers[0], stop: numbers[1], step: 1 },
        _ => Range { start: numbers[0], stop: numbers[1], step: numbers[2] },
    };
    if range.step == 0 {
        return error("range() arg 3 must not be zero");
    }
    if range.len() > MAX_RANGE {
        return error("Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
    }
    Ok(Value::Range(range))
}
