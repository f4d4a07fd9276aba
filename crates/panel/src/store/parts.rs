//! A comparison taken apart into records that stand by themselves, and put together again.
//!
//! Each measurement, the device, the suite, both artifacts and both runs are records under their own hashes; where one
//! stood, `{"record": ID}` stands. A comparison's id therefore hangs on every sample in it.

use plimsoll_lab::record::Comparison;
use rusqlite::{Transaction, params};
use serde_json::{Map, Value, json};

use super::records::{Kind, id_of, put};
use super::{Store, StoreError};

/// How deep records stand in records: comparison, run, artifact, measurement.
pub(super) const DEEPEST: usize = 8;

/// Records in the order in which they are stored: what stands in another comes first.
type Parts = Vec<(String, Kind, Value)>;

/// The records of a comparison, the comparison itself last.
pub(super) fn taken_apart(comparison: &Comparison) -> Parts {
    let mut whole = serde_json::to_value(comparison).expect("records hold only strings, numbers and lists");
    let mut parts = Vec::new();
    take_measurements(&mut whole, &mut parts);
    let device = take(&mut whole, "/device", Kind::Device, &mut parts);
    let suite = take(&mut whole, "/suite", Kind::Suite, &mut parts);
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

impl Store {
    /// Keeps a comparison with all its parts, under the pair `[a, b]` of names that pages are found by. Returns its id.
    ///
    /// # Errors
    /// When the store fails; then nothing of it was kept.
    pub fn keep(&mut self, comparison: &Comparison, pair: [&str; 2]) -> Result<String, StoreError> {
        let parts = taken_apart(comparison);
        let id = parts.last().map(|part| part.0.clone()).unwrap_or_default();
        self.write(|db| {
            for (id, kind, body) in &parts {
                put(db, id, *kind, body)?;
            }
            list(db, &id, pair, &comparison.created)
        })?;
        Ok(id)
    }

    /// The comparison of this id, put together again from records that are each what their ids say.
    ///
    /// # Errors
    /// When it is not there, or any record in it was changed, which is named.
    pub fn comparison(&self, id: &str) -> Result<Comparison, StoreError> {
        let whole = self.whole(id, 0)?;
        serde_json::from_value(whole).map_err(|error| StoreError::Tampered {
            id: id.to_owned(),
            kind: Kind::Comparison.as_str(),
            about: error.to_string(),
        })
    }

    /// A record's content with the records in it put in their places.
    fn whole(&self, id: &str, depth: usize) -> Result<Value, StoreError> {
        let record = self.record(id)?.ok_or_else(|| StoreError::Missing { id: id.to_owned() })?;
        if depth > DEEPEST {
            let about = "records stand in each other without end".to_owned();
            return Err(StoreError::Tampered { id: id.to_owned(), kind: record.kind.as_str(), about });
        }
        let mut body = record.body;
        fill(&mut body, &mut |id| self.whole(id, depth + 1))?;
        Ok(body)
    }

    /// Ids of every record that `id` rests on, itself first.
    pub(super) fn closure(&self, id: &str) -> Result<Vec<String>, StoreError> {
        let (mut found, mut next) = (vec![id.to_owned()], 0);
        while let Some(id) = found.get(next) {
            let record = self.record(id)?.ok_or_else(|| StoreError::Missing { id: id.clone() })?;
            let mut inner = Vec::new();
            references(&record.body, &mut inner);
            inner.retain(|id| !found.contains(id));
            found.extend(inner);
            next += 1;
        }
        Ok(found)
    }
}

/// Makes a comparison findable by its pair.
pub(super) fn list(db: &Transaction<'_>, id: &str, [a, b]: [&str; 2], created: &str) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO compared(comparison, a, b, created) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
        params![id, a, b, created],
    )
    .map(drop)
}

/// Puts what `whole` gives for an id in the place of every reference to it.
pub(super) fn fill(
    value: &mut Value,
    whole: &mut dyn FnMut(&str) -> Result<Value, StoreError>,
) -> Result<(), StoreError> {
    if let Some(id) = reference(value) {
        *value = whole(&id)?;
        return Ok(());
    }
    match value {
        Value::Object(object) => object.values_mut().try_for_each(|inner| fill(inner, whole)),
        Value::Array(array) => array.iter_mut().try_for_each(|inner| fill(inner, whole)),
        _ => Ok(()),
    }
}

/// The id, if `value` stands for another record.
pub(super) fn reference(value: &Value) -> Option<String> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    object.get("record")?.as_str().map(str::to_owned)
}

/// Ids of the records that stand in `value`.
pub(super) fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        _ if reference(value).is_some() => found.extend(reference(value)),
        Value::Object(object) => object.values().for_each(|inner| references(inner, found)),
        Value::Array(array) => array.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}
