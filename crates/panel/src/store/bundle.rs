//! Evidence as a file: a tar of records, each under its hash, with the list of all of them first.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::Path;

use plimsoll_lab::hash::canonical_json;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parts::list;
use super::records::{Kind, Record, put};
use super::{Store, StoreError};

/// Version of the layout.
const LAYOUT: u32 = 1;
/// The list of what is in the bundle.
const MANIFEST: &str = "manifest.json";
/// Records that a bundle may hold, and bytes that one record may have: more was written to annoy.
const MOST_RECORDS: usize = 1_000_000;
const MOST_BYTES: u64 = 256 << 20;

/// What is in a bundle.
#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    layout: u32,
    program: String,
    /// Ids and kinds.
    records: BTreeMap<String, String>,
    /// Comparisons with the pair that their pages are found by.
    compared: Vec<Compared>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Compared {
    comparison: String,
    a: String,
    b: String,
    created: String,
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
        for row in &compared {
            let mut ids = self.closure(&row.comparison)?;
            ids.extend(self.reviews_of(&row.comparison)?);
            for id in ids {
                let record = self.record(&id)?.ok_or_else(|| StoreError::Missing { id: id.clone() })?;
                records.insert(id, record);
            }
        }
        let manifest = Manifest {
            layout: LAYOUT,
            program: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
            records: records.iter().map(|(id, record)| (id.clone(), record.kind.as_str().to_owned())).collect(),
            compared,
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
        let form = |about: String| BundleError::Form { file: name.clone(), about };
        if let Some(id) = manifest.records.keys().find(|id| !records.contains_key(*id)) {
            return Err(form(format!("record {id} is in its list and not in it")));
        }
        for (id, record) in &records {
            let listed = manifest.records.get(id).ok_or_else(|| form(format!("record {id} is not in its list")))?;
            if listed != record.kind.as_str() {
                return Err(form(format!("record {id} is listed as {listed}")));
            }
            record.check()?;
        }
        for row in &manifest.compared {
            if !records.contains_key(&row.comparison) {
                return Err(form(format!("comparison {} is in its list and not in it", row.comparison)));
            }
        }
        let before = self.count()?;
        self.write(|db| {
            for (id, record) in &records {
                put(db, id, record.kind, &record.body)?;
            }
            for row in &manifest.compared {
                list(db, &row.comparison, [&row.a, &row.b], &row.created)?;
            }
            Ok(())
        })?;
        Ok(self.count()? - before)
    }

    fn count(&self) -> Result<usize, StoreError> {
        self.db.query_row("SELECT COUNT(*) FROM record", [], |row| row.get(0)).map_err(self.failed())
    }

    fn compared_for(&self, ids: &[String]) -> Result<Vec<Compared>, StoreError> {
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

fn append(tar: &mut tar::Builder<impl Write>, path: &str, text: &str) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, text.as_bytes()) // no time, no owner: the same evidence gives the same bytes
}

fn read(name: &str, source: impl Read) -> Result<(Manifest, BTreeMap<String, Record>), BundleError> {
    let failed = |source| BundleError::Io { file: name.to_owned(), source };
    let form = |about: String| BundleError::Form { file: name.to_owned(), about };
    let (mut manifest, mut records): (Option<Manifest>, _) = (None, BTreeMap::new());
    for entry in tar::Archive::new(source).entries().map_err(failed)? {
        let entry = entry.map_err(failed)?;
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
