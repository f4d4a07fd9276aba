//! The hash that a report carries of the whole of itself, so that an edit of any fact is noticed, those too that no sample
//! bears out: the processor, what a licence says, when it was.
//!
//! It shows that nothing was changed since it was made, not who made it: whoever edits a report can make the hash anew.

use plimsoll_lab::hash::{canonical_json, sha256_hex};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// The field that holds the hash.
pub(crate) const FIELD: &str = "sha256";

/// What is written of a report: its fields, and after them the hash.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Sealed<T> {
    /// The report.
    #[serde(flatten)]
    content: T,
    /// The SHA-256 of all other fields as canonical JSON, in hexadecimal.
    sha256: String,
}

impl<T: Serialize> Sealed<T> {
    /// A report, which has no field of the hash's name, with its hash.
    pub fn new(content: T) -> Sealed<T> {
        // As a reader of the JSON will have it: numbers in their written form.
        let text = serde_json::to_string(&content).expect("records hold only strings, numbers and lists");
        let read: Value = serde_json::from_str(&text).expect("JSON that was just written");
        Sealed { content, sha256: hash(&read) }
    }
}

/// The hash that a report carries is not that of the rest of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It carries none.
    #[error("it carries no hash of the whole of it: an earlier version wrote it, or the hash was taken out")]
    Missing,
    /// It carries that of something else.
    #[error("it was edited after it was written: its content hashes to {found}, and it carries {carried}")]
    Edited {
        /// Of what it says.
        found: String,
        /// What it carries.
        carried: String,
    },
}

/// Whether a report is what it was when it was written, to the last field.
///
/// # Errors
/// It is not, or nothing tells.
pub fn check_seal(mut report: Value) -> Result<(), Broken> {
    let carried = report.as_object_mut().and_then(|fields| fields.shift_remove(FIELD));
    let Some(Value::String(carried)) = carried else { return Err(Broken::Missing) };
    let found = hash(&report);
    if found == carried { Ok(()) } else { Err(Broken::Edited { found, carried }) }
}

fn hash(report: &Value) -> String {
    sha256_hex(canonical_json(report).as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> Value {
        serde_json::from_str(&serde_json::to_string(&Sealed::new(value)).unwrap()).unwrap()
    }

    #[test]
    fn what_was_written_is_whole_in_whatever_order_its_fields_stand() {
        let report = json!({"b": [1, 2.5, null, 1e300, 0.1], "a": {"d": "x", "c": -0.0}});
        check_seal(written(&report)).unwrap();
        let Value::Object(fields) = written(&report) else { unreachable!("an object was written") };
        check_seal(fields.into_iter().rev().collect()).unwrap();
    }

    #[test]
    fn whatever_is_changed_added_or_taken_out_is_noticed() {
        let report = json!({"cpu": "Imagined", "models": [{"context": 2048}]});
        let edits: [fn(&mut Value); 4] = [
            |report| report["cpu"] = "Another".into(),
            |report| report["models"][0]["context"] = 4096.into(),
            |report| report["endorsed_by"] = "everybody".into(),
            |report| drop(report.as_object_mut().and_then(|fields| fields.shift_remove("cpu"))),
        ];
        for edit in edits {
            let mut edited = written(&report);
            edit(&mut edited);
            assert!(matches!(check_seal(edited.clone()), Err(Broken::Edited { .. })), "{edited}");
        }
        assert_eq!(check_seal(report), Err(Broken::Missing));
        assert_eq!(check_seal(json!([])), Err(Broken::Missing));
    }
}
