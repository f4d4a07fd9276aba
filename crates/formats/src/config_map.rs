//! A configuration as keys and JSON values under Hugging Face's names, with typed reads that name the key they fail on.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::HyperparamError;
use crate::folder::JsonObject;

/// `config.json`, or GGUF metadata translated into its spelling. A key whose value is `null` counts as absent.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigMap {
    file: String,
    /// Precedes keys in messages: `rope_scaling.` for the map inside that key.
    prefix: String,
    keys: JsonObject,
    /// How the file spells a key, where that is not Hugging Face's name.
    spelled: BTreeMap<String, String>,
}

impl ConfigMap {
    /// A map of `keys`; `file` is its path for messages.
    pub fn new(file: &str, keys: JsonObject) -> ConfigMap {
        ConfigMap { file: file.to_owned(), prefix: String::new(), keys, spelled: BTreeMap::new() }
    }

    /// Sets `key` to a value that the file spells `spelled`.
    pub fn insert_as(&mut self, key: &str, spelled: &str, value: impl Into<Value>) {
        self.keys.insert(key.to_owned(), value.into());
        self.spelled.insert(key.to_owned(), spelled.to_owned());
    }

    /// Takes a key out, as if the file did not have it.
    pub fn forget(&mut self, key: &str) {
        self.keys.remove(key);
    }

    /// Sets keys that are absent altogether (a `null` stays).
    pub fn default_keys(&mut self, defaults: JsonObject) {
        for (key, value) in defaults {
            self.keys.entry(key).or_insert(value);
        }
    }

    /// Path of the file, for messages.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The value of a key; `None` if it is absent or `null`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.keys.get(key).filter(|v| !v.is_null())
    }

    /// All keys with their values, in the file's order; those that were set last.
    pub fn keys(&self) -> &JsonObject {
        &self.keys
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether the key is there, `null` or not.
    pub fn mentions(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// An error about `key`, with what is there now as "found".
    pub fn error(&self, key: &str, expected: impl Into<String>) -> HyperparamError {
        HyperparamError {
            file: self.file.clone(),
            key: format!("{}{}", self.prefix, self.spelled.get(key).map_or(key, String::as_str)),
            found: self.get(key).map_or("nothing".to_owned(), shown),
            expected: expected.into(),
        }
    }

    fn read<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.error(key, expected)),
        }
    }

    /// A whole number; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn usize(&self, key: &str) -> Result<Option<usize>, HyperparamError> {
        self.read(key, "a whole number", whole)
    }

    /// A finite number; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn f64(&self, key: &str) -> Result<Option<f64>, HyperparamError> {
        self.read(key, "a finite number", finite)
    }

    /// A number that 32 bits hold; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn f32(&self, key: &str) -> Result<Option<f32>, HyperparamError> {
        self.read(key, "a number below 3.4e38", |v| finite(v).map(|n| n as f32).filter(|n| n.is_finite()))
    }

    /// A boolean; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, HyperparamError> {
        self.read(key, "true or false", Value::as_bool)
    }

    /// A string; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn str(&self, key: &str) -> Result<Option<&str>, HyperparamError> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(s)) => Ok(Some(s)),
            Some(_) => Err(self.error(key, "a string")),
        }
    }

    /// A list of finite numbers; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn f64s(&self, key: &str) -> Result<Option<Vec<f64>>, HyperparamError> {
        self.read(key, "a list of finite numbers", |v| v.as_array()?.iter().map(finite).collect())
    }

    /// A list of whole numbers; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn usizes(&self, key: &str) -> Result<Option<Vec<usize>>, HyperparamError> {
        self.read(key, "a list of whole numbers", |v| v.as_array()?.iter().map(whole).collect())
    }

    /// A list of 0/1 or false/true.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn flags(&self, key: &str) -> Result<Option<Vec<bool>>, HyperparamError> {
        self.read(key, "a list of 0 and 1", |v| v.as_array()?.iter().map(flag).collect())
    }

    /// A list of strings; `None` if absent.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<String>>, HyperparamError> {
        let text = |v: &Value| v.as_str().map(str::to_owned);
        self.read(key, "a list of strings", |v| v.as_array()?.iter().map(text).collect())
    }

    /// The object under `key`, as a map whose messages name both keys.
    ///
    /// # Errors
    /// The key holds something else.
    pub fn object(&self, key: &str) -> Result<Option<ConfigMap>, HyperparamError> {
        self.read(key, "an object", |v| {
            let spelled = self.spelled.get(key).map_or(key, String::as_str);
            let prefix = format!("{}{spelled}.", self.prefix);
            Some(ConfigMap { file: self.file.clone(), prefix, keys: v.as_object()?.clone(), spelled: BTreeMap::new() })
        })
    }

    /// A whole number that must be there and lie in `1..=most`.
    ///
    /// # Errors
    /// It is absent or something else.
    pub fn size(&self, key: &str, most: usize) -> Result<usize, HyperparamError> {
        match self.usize(key)? {
            Some(v) if (1..=most).contains(&v) => Ok(v),
            _ => Err(self.error(key, format!("a whole number from 1 to {most}"))),
        }
    }

    /// A number that must be there and be greater than 0.
    ///
    /// # Errors
    /// It is absent or something else.
    pub fn positive(&self, key: &str) -> Result<f64, HyperparamError> {
        match self.f64(key)? {
            Some(v) if v > 0.0 => Ok(v),
            _ => Err(self.error(key, "a number greater than 0")),
        }
    }
}

/// Whole numbers may be written as floats (`4096.0`), as some converters do.
fn whole(value: &Value) -> Option<usize> {
    match value.as_u64() {
        Some(v) => usize::try_from(v).ok(),
        None => value.as_f64().filter(|v| v.fract() == 0.0 && (0.0..9e15).contains(v)).map(|v| v as usize),
    }
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|v| v.is_finite())
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Number(n) => match n.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
