//! Typed reads of a JSON object that name the file and the key they fail on.

use serde_json::{Map, Value};

use crate::VisionError;

/// Bytes of a settings file; published ones have about a thousand.
const MAX_JSON: usize = 1 << 20;

/// A JSON object of settings. A key whose value is `null` counts as absent, as it does for the reference.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    file: String,
    /// Precedes keys in messages: `size.` for the object inside that key.
    prefix: String,
    values: Map<String, Value>,
}

impl Keys {
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, VisionError> {
        let malformed = |what: String| VisionError::Malformed { file: file.to_owned(), what };
        if text.len() > MAX_JSON {
            return Err(malformed(format!("has {} bytes, expected at most {MAX_JSON} of settings", text.len())));
        }
        let values =
            serde_json::from_str(text).map_err(|e| malformed(format!("not the JSON object that was expected: {e}")))?;
        Ok(Self { file: file.to_owned(), prefix: String::new(), values })
    }

    /// Settings that stand in no JSON file.
    pub(crate) fn none(file: &str) -> Self {
        Self { file: file.to_owned(), prefix: String::new(), values: Map::new() }
    }

    /// Takes these in the place of its own.
    pub(crate) fn replace(&mut self, others: &Map<String, Value>) {
        self.values.extend(others.clone());
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Keys that are there and not null.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().filter(|(_, value)| !value.is_null()).map(|(key, _)| key.as_str())
    }

    pub(crate) fn error(&self, key: &str, expected: impl Into<String>) -> VisionError {
        VisionError::Setting {
            file: self.file.clone(),
            key: crate::error::one_line(&format!("{}{key}", self.prefix)),
            found: self.get(key).map_or("nothing".to_owned(), |value| crate::error::one_line(&value.to_string())),
            expected: expected.into(),
        }
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Option<T>, VisionError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.error(key, expected)),
        }
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<Keys>, VisionError> {
        self.read(key, "an object", |value| {
            let prefix = format!("{}{key}.", self.prefix);
            Some(Keys { file: self.file.clone(), prefix, values: value.as_object()?.clone() })
        })
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, VisionError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.error(key, "a string")),
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, VisionError> {
        self.read(key, "true or false", Value::as_bool)
    }

    pub(crate) fn positive(&self, key: &str) -> Result<Option<f64>, VisionError> {
        self.read(key, "a number greater than 0", positive)
    }

    /// A whole number in `1..=most`.
    pub(crate) fn whole(&self, key: &str, most: usize) -> Result<Option<usize>, VisionError> {
        self.read(key, &format!("a whole number from 1 to {most}"), |value| whole(value, most))
    }

    /// Three numbers, or one for all three.
    pub(crate) fn channels(&self, key: &str) -> Result<Option<[f64; 3]>, VisionError> {
        self.read(key, "three numbers", |value| match value {
            Value::Array(values) => {
                let values: Option<Vec<f64>> = values.iter().map(finite).collect();
                values?.try_into().ok()
            }
            value => finite(value).map(|value| [value; 3]),
        })
    }
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|value| value.is_finite())
}

fn positive(value: &Value) -> Option<f64> {
    finite(value).filter(|&value| value > 0.0)
}

fn whole(value: &Value, most: usize) -> Option<usize> {
    let value = value.as_u64().or_else(|| finite(value).filter(|v| v.fract() == 0.0).map(|v| v as u64))?;
    usize::try_from(value).ok().filter(|value| (1..=most).contains(value))
}
