//! Records by the hash of their content.

use plimsoll_lab::hash::{canonical_json, sha256_hex};
use plimsoll_lab::record::Measurement;
use rusqlite::{Connection, OptionalExtension, params};
use serde::de::{DeserializeOwned, Error as _};
use serde_json::Value;

use super::{LEAST_DIGITS, Store, StoreError, now};
use crate::bounds::Size;
use crate::foreign::said;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A number with its samples.
    Measurement,
    /// A machine.
    Device,
    /// A set of questions.
    Suite,
    /// A model's files.
    Artifact,
    /// What was seen of an artifact on a device.
    Run,
    /// Two runs laid side by side.
    Comparison,
    /// What was known of a model besides what was measured.
    Background,
    /// By what the panel judges.
    Rubric,
    /// What the panel says of one model.
    Review,
    /// Both reviews of a comparison as they were made together, and when.
    Sitting,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 10] = [
        Kind::Measurement,
        Kind::Device,
        Kind::Suite,
        Kind::Artifact,
        Kind::Run,
        Kind::Comparison,
        Kind::Background,
        Kind::Rubric,
        Kind::Review,
        Kind::Sitting,
    ];

    /// Its stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Measurement => "measurement",
            Kind::Device => "device",
            Kind::Suite => "suite",
            Kind::Artifact => "artifact",
            Kind::Run => "run",
            Kind::Comparison => "comparison",
            Kind::Background => "background",
            Kind::Rubric => "rubric",
            Kind::Review => "review",
            Kind::Sitting => "sitting",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// What it says; other records stand in it as `{"record": ID}`.
    pub body: Value,
    /// When it was stored here, RFC 3339 in UTC.
    pub created: String,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<String>,
}

impl Record {
    /// Whether the id is that of the content.
    ///
    /// # Errors
    /// [`StoreError::Tampered`], which names the record.
    pub fn check(&self) -> Result<(), StoreError> {
        let tampered =
            |about: String| Err(StoreError::Tampered { id: self.id.clone(), kind: self.kind.as_str(), about });
        // A measurement that an earlier version kept has a part of its hash as its id.
        let measurement =
            || serde_json::from_value::<Measurement>(self.body.clone()).is_ok_and(|found| found.is_intact());
        match id_of(self.kind, &self.body) {
            Ok(expected) if expected == self.id => Ok(()),
            Ok(_) if self.kind == Kind::Measurement && self.body["id"] == self.id.as_str() && measurement() => Ok(()),
            Ok(expected) => tampered(format!("its content hashes to {expected}")),
            Err(error) => tampered(said(error)),
        }
    }

    /// Why it is no record of `kind`.
    pub(super) fn unfit(&self, about: String, kind: Kind) -> StoreError {
        StoreError::Unfit { id: self.id.clone(), kind: kind.as_str(), about }
    }

    /// What it says, as what its kind is.
    ///
    /// # Errors
    /// It says something else.
    pub(super) fn content<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_value(self.body.clone()).map_err(|error| self.unfit(said(error), self.kind))
    }
}

/// The whole SHA-256 of what a record says; of a measurement that which it was born with, so that a report's ids are the
/// store's. Nothing but what that covers may stand in one.
pub(super) fn id_of(kind: Kind, body: &Value) -> serde_json::Result<String> {
    if kind == Kind::Measurement {
        let measurement: Measurement = serde_json::from_value(body.clone())?;
        if canonical_json(&measurement) != canonical_json(body) {
            return Err(serde_json::Error::custom("it holds more than a measurement does"));
        }
        return Ok(measurement.expected_id());
    }
    Ok(sha256_hex(format!("{}\n{}", kind.as_str(), canonical_json(body)).as_bytes()))
}

/// The content of a record from its text, if it is not too large to be one.
///
/// # Errors
/// It is no JSON, or too large.
pub(super) fn body_of(id: &str, kind: Kind, text: &str) -> Result<Value, StoreError> {
    let too_large = |about| StoreError::TooLarge { id: id.to_owned(), about };
    Size::of_text(text).within(Size::RECORD).map_err(too_large)?;
    serde_json::from_str(text).map_err(|error| StoreError::Unfit {
        id: id.to_owned(),
        kind: kind.as_str(),
        about: said(error),
    })
}

impl Store {
    /// Puts a record in; the same that is there already stays. Returns whether it is new.
    ///
    /// # Errors
    /// Another record has this id, or the store fails.
    pub(super) fn put(&self, id: &str, kind: Kind, body: &Value) -> Result<bool, StoreError> {
        let (failed, text) = (self.failed(), canonical_json(body));
        let insert = "INSERT INTO record(id, kind, body, created) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO NOTHING";
        let put = |db: &Connection| db.prepare_cached(insert)?.execute(params![id, kind.as_str(), text, now()]);
        if put(&self.db).map_err(&failed)? == 1 {
            return Ok(true);
        }
        let same = "SELECT COUNT(*) FROM record WHERE id = ?1 AND kind = ?2 AND body = ?3";
        let same: usize =
            self.db.query_row(same, params![id, kind.as_str(), text], |row| row.get(0)).map_err(&failed)?;
        if same == 1 { Ok(false) } else { Err(StoreError::Taken { id: id.to_owned(), kind: kind.as_str() }) }
    }

    /// The record of this id, whole and unchanged; `None` if there is none.
    ///
    /// # Errors
    /// When the content is not what the id says, or the store fails.
    pub fn record(&self, id: &str) -> Result<Option<Record>, StoreError> {
        let found = self.record_unchecked(id)?;
        if let Some(record) = &found {
            record.check()?;
        }
        Ok(found)
    }

    pub(super) fn record_unchecked(&self, id: &str) -> Result<Option<Record>, StoreError> {
        self.require_wanted()?;
        let failed = self.failed();
        let mut find = self
            .db
            .prepare_cached(
                "SELECT kind, body, record.created, reason FROM record LEFT JOIN tombstone USING(id) WHERE id = ?1",
            )
            .map_err(&failed)?;
        let row = find
            .query_row([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get(2)?, row.get(3)?)))
            .optional()
            .map_err(&failed)?;
        let Some((kind, body, created, withdrawn)) = row else { return Ok(None) };
        let tampered =
            |about: &str| StoreError::Tampered { id: id.to_owned(), kind: "unknown", about: about.to_owned() };
        let kind = Kind::named(&kind).ok_or_else(|| tampered("its kind is not known"))?;
        let body = body_of(id, kind, &body)?;
        Ok(Some(Record { id: id.to_owned(), kind, body, created, withdrawn }))
    }

    /// The id of the record, or of the one `kind` of record, that begins with `start`.
    ///
    /// # Errors
    /// When there is none or more than one, or `start` is too short to be sure.
    pub fn find(&self, start: &str, kind: Option<Kind>) -> Result<String, StoreError> {
        if start.len() < LEAST_DIGITS || !start.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(StoreError::NoId { start: start.to_owned() });
        }
        let failed = self.failed();
        // `g` follows the last hexadecimal digit, so this range is every id that begins so, by the index.
        let start = start.to_ascii_lowercase();
        let mut find = self
            .db
            .prepare_cached("SELECT id FROM record WHERE id >= ?1 AND id < ?1 || 'g' AND kind = coalesce(?2, kind)")
            .map_err(&failed)?;
        let rows = find.query_map(params![start, kind.map(Kind::as_str)], |row| row.get(0));
        let mut found: Vec<String> = rows.and_then(Iterator::collect).map_err(&failed)?;
        match found.len() {
            0 => Err(StoreError::Missing { id: start }),
            1 => Ok(found.remove(0)),
            found => Err(StoreError::Ambiguous { start, found }),
        }
    }

    /// Keeps a measurement of the weights with this SHA-256; of each metric the latest stands for them.
    ///
    /// # Errors
    /// When the store fails; then it was not kept.
    pub fn keep_measurement(&mut self, artifact: &str, found: &Measurement) -> Result<(), StoreError> {
        let body = serde_json::to_value(found).expect("records hold only strings, numbers and lists");
        self.change(|store| {
            store.put(&found.id, Kind::Measurement, &body)?;
            let note = "INSERT INTO noted(artifact, metric, measurement, created) VALUES(?1, ?2, ?3, ?4) \
                 ON CONFLICT(artifact, metric) DO UPDATE SET measurement = excluded.measurement, created = excluded.created";
            let noted = store.db.execute(note, params![artifact, found.metric, found.id, now()]);
            noted.map(drop).map_err(store.failed())
        })
    }

    /// What was measured of the weights with this SHA-256 outside comparisons, the latest of each metric.
    ///
    /// # Errors
    /// When the store fails, or a measurement was changed.
    pub fn measurements_of(&self, artifact: &str) -> Result<Vec<Measurement>, StoreError> {
        let failed = self.failed();
        let mut find = self
            .db
            .prepare_cached("SELECT measurement FROM noted WHERE artifact = ?1 ORDER BY metric")
            .map_err(&failed)?;
        let ids = find.query_map([artifact], |row| row.get(0)).map_err(&failed)?;
        let ids = ids.collect::<rusqlite::Result<Vec<String>>>().map_err(&failed)?;
        let mut found = Vec::new();
        for id in ids {
            let record = self.record(&id)?.ok_or_else(|| StoreError::Missing { id: id.clone() })?;
            found.extend(serde_json::from_value::<Measurement>(record.body).ok());
        }
        Ok(found)
    }

    /// Marks a record as withdrawn; it stays, and says so.
    ///
    /// # Errors
    /// When there is no such record, or the store fails.
    pub fn withdraw(&mut self, id: &str, reason: &str) -> Result<(), StoreError> {
        if self.record_unchecked(id)?.is_none() {
            return Err(StoreError::Missing { id: id.to_owned() });
        }
        self.write(|db| {
            db.execute(
                "INSERT INTO tombstone(id, reason, created) VALUES(?1, ?2, ?3) \
                 ON CONFLICT(id) DO UPDATE SET reason = excluded.reason",
                params![id, reason, now()],
            )
            .map(drop)
        })
    }
}
