//! Records by the hash of their content.

use plimsoll_lab::hash::{canonical_json, sha256_hex};
use plimsoll_lab::record::Measurement;
use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::Value;

use super::{LEAST_DIGITS, Store, StoreError, now};

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
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 9] = [
        Kind::Measurement,
        Kind::Device,
        Kind::Suite,
        Kind::Artifact,
        Kind::Run,
        Kind::Comparison,
        Kind::Background,
        Kind::Rubric,
        Kind::Review,
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
        let expected = match id_of(self.kind, &self.body) {
            Ok(expected) => expected,
            Err(error) => return tampered(error.to_string()),
        };
        if expected == self.id { Ok(()) } else { tampered(format!("its content hashes to {expected}")) }
    }
}

/// Measurements keep the id they were born with, which is a hash as well; everything else gets the whole SHA-256.
pub(super) fn id_of(kind: Kind, body: &Value) -> serde_json::Result<String> {
    if kind == Kind::Measurement {
        let measurement: Measurement = serde_json::from_value(body.clone())?;
        return Ok(measurement.expected_id());
    }
    Ok(sha256_hex(format!("{}\n{}", kind.as_str(), canonical_json(body)).as_bytes()))
}

/// Puts a record in; one that is there already stays as it is.
pub(super) fn put(db: &Transaction<'_>, id: &str, kind: Kind, body: &Value) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO record(id, kind, body, created) VALUES(?1, ?2, ?3, ?4) ON CONFLICT(id) DO NOTHING",
    )?;
    insert.execute(params![id, kind.as_str(), canonical_json(body), now()]).map(drop)
}

impl Store {
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
        let body = serde_json::from_str(&body).map_err(|_| tampered("it is not JSON"))?;
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
        self.write(|db| {
            put(db, &found.id, Kind::Measurement, &body)?;
            db.execute(
                "INSERT INTO noted(artifact, metric, measurement, created) VALUES(?1, ?2, ?3, ?4) \
                 ON CONFLICT(artifact, metric) DO UPDATE SET measurement = excluded.measurement, created = excluded.created",
                params![artifact, found.metric, found.id, now()],
            )
            .map(drop)
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
