//! A comparison taken apart into records that stand by themselves, and put together again.
//!
//! Each measurement, the device, the suite, both artifacts and both runs are records under their own hashes; where one
//! stood, `{"record": ID}` stands. A comparison's id therefore hangs on every sample in it.

use std::collections::HashMap;

use plimsoll_lab::record::Comparison;
use rusqlite::params;
use serde_json::{Map, Value, json};

use super::records::{Kind, Record, id_of};
use super::sitting::json;
use super::{Store, StoreError};
use crate::bounds::Size;
use crate::foreign::said;
use crate::report::model_id;

/// Records in the order in which they are stored: what stands in another comes first.
type Parts = Vec<(String, Kind, Value)>;

/// The records of a comparison, the comparison itself last.
pub(super) fn taken_apart(comparison: &Comparison) -> Parts {
    let mut whole = json(comparison);
    let mut parts = Vec::new();
    // Before measurements are looked for: questions that somebody wrote may hold anything.
    let suite = take(&mut whole, "/suite", Kind::Suite, &mut parts);
    take_measurements(&mut whole, &mut parts);
    let device = take(&mut whole, "/device", Kind::Device, &mut parts);
    let (settings, program) = (whole["settings"].clone(), whole["program"].clone());
    for index in 0..comparison.models.len() {
        let artifact = take(&mut whole, &format!("/models/{index}/facts"), Kind::Artifact, &mut parts);
        let run = whole.pointer_mut(&format!("/models/{index}")).and_then(Value::as_object_mut).expect("a model");
        let about = json!({
            "artifact": artifact, "device": device, "suite": suite, "settings": settings, "program": program,
            "status": "completed",
        });
        run.insert("run".to_owned(), about);
        take(&mut whole, &format!("/models/{index}"), Kind::Run, &mut parts);
    }
    take(&mut whole, "", Kind::Comparison, &mut parts);
    parts
}

/// Every object that is a measurement becomes a record of its own.
fn take_measurements(value: &mut Value, parts: &mut Parts) {
    match value {
        Value::Object(object) if is_measurement(object) => {
            let id = object["id"].as_str().unwrap_or_default().to_owned();
            let body = std::mem::replace(value, json!({ "record": id }));
            parts.push((id, Kind::Measurement, body));
        }
        Value::Object(object) => object.values_mut().for_each(|inner| take_measurements(inner, parts)),
        Value::Array(array) => array.iter_mut().for_each(|inner| take_measurements(inner, parts)),
        _ => {}
    }
}

fn is_measurement(object: &Map<String, Value>) -> bool {
    ["id", "subject", "metric", "unit", "origin", "value", "samples"].iter().all(|key| object.contains_key(*key))
}

/// Moves what stands at `pointer` into a record; returns its id.
fn take(whole: &mut Value, pointer: &str, kind: Kind, parts: &mut Parts) -> String {
    let place = whole.pointer_mut(pointer).expect("every comparison has it");
    let body = place.take();
    let id = id_of(kind, &body).expect("only a measurement's id can fail");
    *place = json!({ "record": id });
    parts.push((id.clone(), kind, body));
    id
}

/// The kinds of records that stand in one of `kind`. No kind comes back in what it holds, so that nothing stands in itself.
fn held_in(kind: Kind) -> &'static [Kind] {
    match kind {
        Kind::Comparison => &[Kind::Device, Kind::Suite, Kind::Run, Kind::Measurement],
        Kind::Run => &[Kind::Artifact, Kind::Measurement],
        Kind::Device => &[Kind::Measurement],
        _ => &[],
    }
}

/// The comparison of `id`, put together from the records that `read` gives, within [`Size::WHOLE`].
pub(super) fn assembled(
    id: &str,
    read: &mut dyn FnMut(&str) -> Result<Record, StoreError>,
) -> Result<Comparison, StoreError> {
    let top = read(id)?;
    if top.kind != Kind::Comparison {
        return Err(top.unfit(format!("it is a {}", top.kind.as_str()), Kind::Comparison));
    }
    let mut size = Size { bytes: 0, values: 0 };
    let whole = filled(top, &mut size, read)?;
    serde_json::from_value(whole).map_err(|error| StoreError::Unfit {
        id: id.to_owned(),
        kind: Kind::Comparison.as_str(),
        about: said(error),
    })
}

/// A record's content with the records in it put in their places.
fn filled(
    record: Record,
    size: &mut Size,
    read: &mut dyn FnMut(&str) -> Result<Record, StoreError>,
) -> Result<Value, StoreError> {
    *size = size.and(Size::of_value(&record.body));
    let too_large = |about| StoreError::TooLarge { id: record.id.clone(), about };
    size.within(Size::WHOLE).map_err(too_large)?;
    let Record { id, kind, mut body, .. } = record;
    if !held_in(kind).is_empty() {
        fill(&mut body, &mut |inner| {
            let inner = read(inner)?;
            if !held_in(kind).contains(&inner.kind) {
                let about = format!("the {} {} stands in it", inner.kind.as_str(), inner.id);
                return Err(StoreError::Unfit { id: id.clone(), kind: kind.as_str(), about });
            }
            filled(inner, size, read)
        })?;
    }
    Ok(body)
}

/// Puts what `whole` gives for an id in the place of every reference to it.
fn fill(value: &mut Value, whole: &mut dyn FnMut(&str) -> Result<Value, StoreError>) -> Result<(), StoreError> {
    if let Some(id) = reference(value) {
        *value = whole(id)?;
        return Ok(());
    }
    match value {
        Value::Object(object) => object.values_mut().try_for_each(|inner| fill(inner, whole)),
        Value::Array(array) => array.iter_mut().try_for_each(|inner| fill(inner, whole)),
        _ => Ok(()),
    }
}

/// The id, if `value` stands for another record.
pub(super) fn reference(value: &Value) -> Option<&str> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get("record")?.as_str()
}

/// Names that the page of a comparison is found by where the panel never judged it, so that nothing is known of its models
/// but what their files say.
pub(super) fn names_by_files(comparison: &Comparison) -> [String; 2] {
    comparison.models.each_ref().map(|model| model_id(None, &model.facts.path, &model.facts.name))
}

impl Store {
    /// Keeps a comparison with all its parts. Returns its id.
    ///
    /// # Errors
    /// When the store fails; then nothing of it was kept.
    pub fn keep(&mut self, comparison: &Comparison) -> Result<String, StoreError> {
        self.keep_as(comparison, &names_by_files(comparison))
    }

    /// The same, under the pair of names that pages are found by.
    pub(super) fn keep_as(&mut self, comparison: &Comparison, pair: &[String; 2]) -> Result<String, StoreError> {
        let parts = taken_apart(comparison);
        let id = parts.last().map(|part| part.0.clone()).unwrap_or_default();
        self.change(|store| {
            for (id, kind, body) in &parts {
                store.put(id, *kind, body)?;
            }
            store.list(&id, pair, &comparison.created)
        })?;
        Ok(id)
    }

    /// The comparison of this id, put together again from records that are each what their ids say.
    ///
    /// # Errors
    /// When it is not there, any record in it was changed, which is named, or it would be larger than any evidence.
    pub fn comparison(&self, id: &str) -> Result<Comparison, StoreError> {
        let mut read: HashMap<String, Record> = HashMap::new();
        assembled(id, &mut |id| {
            if let Some(record) = read.get(id) {
                return Ok(record.clone());
            }
            let record = self.record(id)?.ok_or_else(|| StoreError::Missing { id: id.to_owned() })?;
            read.insert(id.to_owned(), record.clone());
            Ok(record)
        })
    }

    /// Makes a comparison findable by its pair.
    pub(super) fn list(&self, id: &str, [a, b]: &[String; 2], created: &str) -> Result<(), StoreError> {
        let insert = "INSERT INTO compared(comparison, a, b, created) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        self.db.execute(insert, params![id, a, b, created]).map(drop).map_err(self.failed())
    }
}
