//! Evidence as a file: a tar of records, each under its hash, with the list of all of them first.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use plimsoll_lab::hash::canonical_json;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parts::{list, references};
use super::records::{Kind, Record, id_of, put};
use super::sitting::{Sitting, seat};
use super::{Store, StoreError, now};
use crate::judge::Review;

/// Version of the layout.
const LAYOUT: u32 = 1;
/// The list of what is in the bundle.
const MANIFEST: &str = "manifest.json";
/// Records that a bundle may hold, and bytes that one record may have: more was written to annoy.
const MOST_RECORDS: usize = 1_000_000;
const MOST_BYTES: u64 = 256 << 20;

/// Bytes of a name that pages are found by.
const LONGEST_NAME: usize = 80;

/// What is in a bundle.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    layout: u32,
    program: String,
    /// Ids and kinds.
    records: BTreeMap<String, String>,
    /// Comparisons with the pair that their pages are found by.
    compared: Vec<Compared>,
    /// What the panel said of them, the earliest first.
    judged: Vec<Sitting>,
    /// Ids of records that were withdrawn, with the reason.
    withdrawn: BTreeMap<String, String>,
}

/// A comparison with the pair of names that its page is found by.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Compared {
    pub comparison: String,
    pub a: String,
    pub b: String,
    pub created: String,
}

/// Why a bundle was not written or not taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The file cannot be read or written.
    #[error("evidence bundle `{file}`: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is no bundle, or not whole.
    #[error("evidence bundle `{file}`: {about}")]
    Form {
        /// The file.
        file: String,
        /// What is wrong.
        about: String,
    },
    /// A record, or the store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Writes every comparison, or those of the ids given, with all records they rest on and all reviews of them.
    /// Returns the number of records.
    ///
    /// # Errors
    /// When a record was changed or is missing, or the file cannot be written; an older file stays as it was then.
    pub fn export(&self, file: &Path, comparisons: &[String]) -> Result<usize, BundleError> {
        let failed = |source: io::Error| BundleError::Io { file: file.display().to_string(), source };
        let compared = self.compared_for(comparisons)?;
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        let mut judged = Vec::new();
        for row in &compared {
            let mut ids = self.closure(&row.comparison)?;
            for sitting in self.sittings(&row.comparison)? {
                ids.extend(sitting.reviews.iter().chain(&sitting.backgrounds).cloned());
                ids.extend(self.rubric_behind(&sitting)?);
                judged.push(sitting);
            }
            for id in ids {
                let record = self.record(&id)?.ok_or_else(|| StoreError::Missing { id: id.clone() })?;
                records.insert(id, record);
            }
        }
        let reason = |(id, record): (&String, &Record)| Some((id.clone(), record.withdrawn.clone()?));
        let manifest = Manifest {
            layout: LAYOUT,
            program: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
            records: records.iter().map(|(id, record)| (id.clone(), record.kind.as_str().to_owned())).collect(),
            withdrawn: records.iter().filter_map(reason).collect(),
            compared,
            judged,
        };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let whole = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut tar = tar::Builder::new(io::BufWriter::new(whole));
        append(&mut tar, MANIFEST, &canonical_json(&manifest)).map_err(failed)?;
        for (id, record) in &records {
            append(&mut tar, &format!("records/{id}.json"), &canonical_json(&record.body)).map_err(failed)?;
        }
        let whole = tar.into_inner().and_then(|buffer| buffer.into_inner().map_err(|error| error.into_error()));
        let whole = whole.map_err(failed)?;
        whole.as_file().sync_all().map_err(failed)?;
        whole.persist(file).map_err(|error| failed(error.error))?;
        Ok(records.len())
    }

    /// Takes a bundle in: all of it, or nothing where one record is not what its id says. Returns how many records are
    /// new here.
    ///
    /// # Errors
    /// [`BundleError`], which names the record that was changed.
    pub fn import(&mut self, file: &Path) -> Result<usize, BundleError> {
        let name = file.display().to_string();
        let source = std::fs::File::open(file).map_err(|source| BundleError::Io { file: name.clone(), source })?;
        let (manifest, records) = read(&name, source)?;
        check(&manifest, &records).map_err(|fault| fault.in_file(&name))?;
        let reviews = reviews(&manifest, &records).map_err(|fault| fault.in_file(&name))?;
        let before = self.count()?;
        self.write(|db| {
            for (id, record) in &records {
                put(db, id, record.kind, &record.body)?;
            }
            for row in &manifest.compared {
                list(db, &row.comparison, [&row.a, &row.b], &row.created)?;
            }
            for (sitting, [a, b]) in manifest.judged.iter().zip(&reviews) {
                seat(db, sitting, [a, b])?;
            }
            for (id, reason) in &manifest.withdrawn {
                let mark = "INSERT INTO tombstone(id, reason, created) VALUES(?1, ?2, ?3) ON CONFLICT(id) DO NOTHING";
                db.execute(mark, params![id, reason, now()])?;
            }
            Ok(())
        })?;
        Ok(self.count()? - before)
    }

    /// The id of the rubric that a review was made by, where it was kept.
    fn rubric_behind(&self, sitting: &Sitting) -> Result<Option<String>, StoreError> {
        let review = self.record(&sitting.reviews[0])?;
        let Some(sha256) = review.as_ref().and_then(|review| review.body["rubric"].as_str()) else { return Ok(None) };
        let text = self.rubric_text(sha256)?;
        Ok(text.and_then(|text| id_of(Kind::Rubric, &Value::from(text)).ok()))
    }

    fn count(&self) -> Result<usize, StoreError> {
        self.db.query_row("SELECT COUNT(*) FROM record", [], |row| row.get(0)).map_err(self.failed())
    }

    /// The comparisons of these ids, or all, withdrawn ones too.
    pub(super) fn compared_for(&self, ids: &[String]) -> Result<Vec<Compared>, StoreError> {
        let failed = self.failed();
        let mut find =
            self.db.prepare("SELECT comparison, a, b, created FROM compared ORDER BY created").map_err(&failed)?;
        let rows = find.query_map([], |row| {
            Ok(Compared { comparison: row.get(0)?, a: row.get(1)?, b: row.get(2)?, created: row.get(3)? })
        });
        let mut all: Vec<Compared> = rows.and_then(Iterator::collect).map_err(&failed)?;
        if let Some(id) = ids.iter().find(|id| !all.iter().any(|row| row.comparison == **id)) {
            return Err(StoreError::Missing { id: id.clone() });
        }
        all.retain(|row| ids.is_empty() || ids.contains(&row.comparison));
        Ok(all)
    }
}

/// What is wrong with the content of a bundle.
enum Fault {
    Form(String),
    Record(StoreError),
}

impl Fault {
    fn in_file(self, file: &str) -> BundleError {
        match self {
            Fault::Form(about) => BundleError::Form { file: file.to_owned(), about },
            Fault::Record(error) => BundleError::Store(error),
        }
    }
}

/// Whether every record is what its id says and the list is that of the records.
fn check(manifest: &Manifest, records: &BTreeMap<String, Record>) -> Result<(), Fault> {
    if let Some(id) = manifest.records.keys().find(|id| !records.contains_key(*id)) {
        return Err(Fault::Form(format!("record {id} is in its list and not in it")));
    }
    for (id, record) in records {
        let listed = manifest.records.get(id).map(String::as_str);
        if listed != Some(record.kind.as_str()) {
            return Err(Fault::Form(format!("record {id} is listed as {}", listed.unwrap_or("nothing"))));
        }
        record.check().map_err(Fault::Record)?;
        let mut inner = Vec::new();
        references(&record.body, &mut inner);
        if let Some(missing) = inner.iter().find(|id| !records.contains_key(*id)) {
            return Err(Fault::Form(format!("record {id} rests on record {missing}, which is not in it")));
        }
    }
    let is = |id: &String, kind| records.get(id).is_some_and(|record| record.kind == kind);
    for Compared { comparison, a, b, created } in &manifest.compared {
        if !is(comparison, Kind::Comparison) {
            return Err(Fault::Form(format!("comparison {comparison} is in its list and not in it")));
        }
        named(comparison, [a, b], created)?;
    }
    for Sitting { comparison, reviews, backgrounds, models: [a, b], created } in &manifest.judged {
        let are = |ids: &[String; 2], kind| ids.iter().all(|id| is(id, kind));
        let is_listed = manifest.compared.iter().any(|row| row.comparison == *comparison);
        if !(is_listed && are(reviews, Kind::Review) && are(backgrounds, Kind::Background)) {
            return Err(Fault::Form(format!("what the panel said of comparison {comparison} is not in it")));
        }
        named(comparison, [a, b], created)?;
    }
    match manifest.withdrawn.keys().find(|id| !records.contains_key(*id)) {
        Some(id) => Err(Fault::Form(format!("record {id} was withdrawn and is not in it"))),
        None => Ok(()),
    }
}

/// Names go into addresses and moments into lists; the records do not vouch for either.
fn named(comparison: &str, names: [&String; 2], created: &str) -> Result<(), Fault> {
    let is_name = |name: &&String| {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) && !name.contains("-vs-")
    };
    if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
        return Err(Fault::Form(format!("comparison {comparison}: `{name}` is no name that pages are found by")));
    }
    // As this program writes moments, so that they sort as text.
    let written = created.parse::<jiff::Timestamp>().map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    match written {
        Ok(written) if written == created => Ok(()),
        _ => Err(Fault::Form(format!("comparison {comparison}: `{created}` is no moment"))),
    }
}

/// The reviews of every judgement in the list.
fn reviews(manifest: &Manifest, records: &BTreeMap<String, Record>) -> Result<Vec<[Review; 2]>, Fault> {
    let read = |id: &String| {
        let review: Result<Review, _> = serde_json::from_value(records[id].body.clone());
        let review = review.map_err(|error| Fault::Form(format!("record {id}: {error}")))?;
        let is_of_files = review.device.is_some();
        is_of_files.then_some(review).ok_or_else(|| Fault::Form(format!("record {id} is a review without a device")))
    };
    manifest.judged.iter().map(|sitting| Ok([read(&sitting.reviews[0])?, read(&sitting.reviews[1])?])).collect()
}

fn append(tar: &mut tar::Builder<impl Write>, path: &str, text: &str) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, text.as_bytes()) // no time, no owner: the same evidence gives the same bytes
}

fn read(name: &str, source: impl Read) -> Result<(Manifest, BTreeMap<String, Record>), BundleError> {
    let form = |about: String| BundleError::Form { file: name.to_owned(), about };
    // The library says of a file that is cut, and of one that never was a tar, that a block is not whole.
    let no_tar = |error: io::Error| form(format!("it is no whole tar ({error})"));
    let (mut manifest, mut records): (Option<Manifest>, _) = (None, BTreeMap::new());
    for entry in tar::Archive::new(source).entries().map_err(no_tar)? {
        let entry = entry.map_err(no_tar)?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.size() > MOST_BYTES || records.len() > MOST_RECORDS {
            return Err(form(format!("`{path}` makes it larger than any evidence")));
        }
        let mut text = String::new();
        entry.take(MOST_BYTES).read_to_string(&mut text).map_err(|_| form(format!("`{path}` is not whole text")))?;
        let Some(manifest) = &manifest else {
            if path != MANIFEST {
                return Err(form(format!("it begins with `{path}`, expected `{MANIFEST}`")));
            }
            let found: Manifest = serde_json::from_str(&text).map_err(|error| form(format!("`{path}`: {error}")))?;
            if found.layout != LAYOUT {
                return Err(form(format!("its layout is {}, expected {LAYOUT}", found.layout)));
            }
            manifest = Some(found);
            continue;
        };
        let id = path.strip_prefix("records/").and_then(|file| file.strip_suffix(".json"));
        let id = id.ok_or_else(|| form(format!("`{path}` is no record")))?.to_owned();
        let kind = manifest.records.get(&id).and_then(|kind| Kind::named(kind));
        let kind = kind.ok_or_else(|| form(format!("record {id} is not in its list")))?;
        let body: Value = serde_json::from_str(&text).map_err(|error| form(format!("record {id}: {error}")))?;
        records.insert(id.clone(), Record { id, kind, body, created: String::new(), withdrawn: None });
    }
    Ok((manifest.ok_or_else(|| form("it is empty".to_owned()))?, records))
}
