//! What a long run has done already, so that an interrupted one goes on where it stopped.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Keeps what was measured under keys that name what was asked: the item, the prompting, the sampling. The model is not
/// in the keys; a journal belongs to one model's file, on one machine, under one version of the program.
pub trait Journal {
    /// What was recorded under `key`.
    fn recall(&self, key: &str) -> Option<Value>;
    /// Keeps `value` under `key`, so that an interruption after this call does not lose it.
    fn record(&mut self, key: &str, value: &Value);
}

/// Remembers nothing: every run asks everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn recall(&self, _key: &str) -> Option<Value> {
        None
    }

    fn record(&mut self, _key: &str, _value: &Value) {}
}

/// Remembers as long as it lives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryJournal(pub BTreeMap<String, Value>);

impl Journal for MemoryJournal {
    fn recall(&self, key: &str) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn record(&mut self, key: &str, value: &Value) {
        self.0.insert(key.to_owned(), value.clone());
    }
}

/// The part of a journal whose keys begin with one name and a slash.
pub struct Within<'a> {
    name: String,
    journal: &'a mut dyn Journal,
}

impl<'a> Within<'a> {
    /// The part called `name`.
    pub fn new(name: &str, journal: &'a mut dyn Journal) -> Within<'a> {
        Within { name: name.to_owned(), journal }
    }
}

impl Journal for Within<'_> {
    fn recall(&self, key: &str) -> Option<Value> {
        self.journal.recall(&format!("{}/{key}", self.name))
    }

    fn record(&mut self, key: &str, value: &Value) {
        self.journal.record(&format!("{}/{key}", self.name), value);
    }
}

/// What stands under `key`, or else what `measure` gives, which is then recorded. An entry of another form, such as one
/// of an older version, is measured again.
///
/// # Errors
/// Those of `measure`.
pub(crate) fn recall_or<T: Serialize + DeserializeOwned, E>(
    journal: &mut dyn Journal,
    key: &str,
    measure: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    if let Some(kept) = journal.recall(key).and_then(|value| serde_json::from_value(value).ok()) {
        return Ok(kept);
    }
    let measured = measure()?;
    // Everything recorded here is made of text, numbers and lists, which JSON holds.
    if let Ok(value) = serde_json::to_value(&measured) {
        journal.record(key, &value);
    }
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::{Journal, MemoryJournal, NoJournal, recall_or};

    #[test]
    fn what_was_measured_once_is_not_measured_again() {
        let mut journal = MemoryJournal::default();
        let mut measured = 0;
        for _ in 0..3 {
            let value = recall_or(&mut journal, "a", || {
                measured += 1;
                Ok::<_, ()>(7)
            });
            assert_eq!(value, Ok(7));
        }
        assert_eq!(measured, 1);
    }

    #[test]
    fn a_failure_is_not_recorded_and_an_entry_of_another_form_is_replaced() {
        let mut journal = MemoryJournal::default();
        assert_eq!(recall_or::<i32, _>(&mut journal, "a", || Err("no")), Err("no"));
        assert_eq!(journal, MemoryJournal::default());
        journal.record("a", &"seven".into());
        assert_eq!(recall_or(&mut journal, "a", || Ok::<_, ()>(7)), Ok(7));
        assert_eq!(journal.recall("a"), Some(7.into()));
    }

    #[test]
    fn no_journal_keeps_nothing() {
        NoJournal.record("a", &1.into());
        assert_eq!(NoJournal.recall("a"), None);
    }
}
