//! Keys in a report that nobody reads. The hash of a report covers them, and whoever puts them in makes it anew; what a
//! reader of the JSON then finds beside what was measured, no check has held against anything.

use serde::Serialize;
use serde_json::Value;

use crate::sealed::FIELD;

/// A report holds something that this program does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{place}` is nothing that this program reads in a report: it was put in, or another version wrote it")]
pub struct Unread {
    /// Where it stands, as `models[0].facts.name`.
    place: String,
}

/// Whether all of `found` was read as `report`: nothing stands in it that is not written again, but the seal.
///
/// # Errors
/// [`Unread`], which names the first such place.
pub fn check_keys(found: &Value, report: &impl Serialize) -> Result<(), Unread> {
    let again = serde_json::to_value(report).expect("records hold only strings, numbers and lists");
    let mut place = String::new();
    match (found, &again) {
        (Value::Object(one), Value::Object(other)) => {
            let mut unsealed = one.iter().filter(|(key, _)| *key != FIELD);
            unsealed.try_for_each(|(key, value)| held(key, value, other.get(key), &mut place))
        }
        _ => held("", found, Some(&again), &mut place),
    }
}

/// Whether what stands under `key` is written again, with whatever stands in it.
fn held(key: &str, found: &Value, again: Option<&Value>, place: &mut String) -> Result<(), Unread> {
    let before = place.len();
    if !place.is_empty() && !key.starts_with('[') {
        place.push('.');
    }
    place.push_str(key);
    let unread = |place: &String| Err(Unread { place: place.clone() });
    match (found, again) {
        (Value::Object(one), Some(Value::Object(other))) => {
            one.iter().try_for_each(|(key, value)| held(key, value, other.get(key), place))?;
        }
        (Value::Array(one), Some(Value::Array(other))) if one.len() == other.len() => {
            let mut both = one.iter().zip(other).enumerate();
            both.try_for_each(|(index, (one, other))| held(&format!("[{index}]"), one, Some(other), place))?;
        }
        // What is null is told from what is left out by nobody; a struct may be read from a list, which nobody writes.
        (Value::Object(_) | Value::Array(_), _) | (_, None | Some(Value::Object(_) | Value::Array(_))) => {
            return unread(place);
        }
        _ => {}
    }
    place.truncate(before);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Edit = fn(&mut Value);

    #[test]
    fn whatever_is_not_written_again_is_named_by_its_place() {
        let read = json!({"schema": 4, "models": [{"name": "a", "n": 3.0}, {"name": "b", "n": 4.0}], "card": null});
        let mut sealed = read.clone();
        sealed["sha256"] = "0".into();
        check_keys(&sealed, &read).unwrap();
        let edits: [(Edit, &str); 6] = [
            (|report| report["endorsed_by"] = "everybody".into(), "endorsed_by"),
            (|report| report["models"][1]["award"] = json!({"best": true}), "models[1].award"),
            (|report| report["models"][1]["award"] = Value::Null, "models[1].award"),
            (|report| report["models"][0]["sha256"] = "0".into(), "models[0].sha256"),
            (|report| report["models"][0] = json!(["a", 3.0]), "models[0]"),
            (|report| report["card"] = json!([]), "card"),
        ];
        for (edit, place) in edits {
            let mut edited = read.clone();
            edit(&mut edited);
            assert_eq!(check_keys(&edited, &read).unwrap_err(), Unread { place: place.into() });
        }
    }
}
