//! Evidence as a file: a tar of records, each under its hash, with the list of all of them first.
//!
//! Names by which pages are found, moments and verdicts are not in the list: they follow from the records.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use plimsoll_lab::hash::canonical_json;
use plimsoll_lab::moment;
use plimsoll_lab::record::{Comparison, SCHEMA_VERSION};
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tar::{Archive, Builder, Entry, Header};

use super::parts::{names_by_files, taken_apart};
use super::records::{Kind, Record, body_of, id_of};
use super::sitting::{Said, Seat, Sitting, json};
use super::{Store, StoreError, now};
use crate::bounds::{MOST_BYTES, Size};
use crate::foreign::said;
use crate::judge::{Fault, Judgement, check_comparison, check_judgement};
use crate::known::background_doubts;
use crate::report::names;

/// Version of the layout.
const LAYOUT: u32 = 2;
/// The list of what is in the bundle.
const MANIFEST: &str = "manifest.json";
/// Bytes of a bundle: some thousands of comparisons.
const MOST_ARCHIVE: u64 = 1 << 30;

/// What is in a bundle.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    layout: u32,
    program: String,
    /// Ids and kinds.
    records: BTreeMap<String, String>,
    /// Ids of records that were withdrawn, with the reason.
    withdrawn: BTreeMap<String, String>,
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

/// What came of taking a bundle in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// Records that are new here.
    pub new: usize,
    /// Records that were here before and that the bundle calls withdrawn: whoever wrote it does not withdraw these.
    pub not_withdrawn: Vec<String>,
}

impl Store {
    /// Writes every comparison, or those of the ids given, with all records they rest on and all reviews of them.
    /// Returns the number of records.
    ///
    /// # Errors
    /// When a record was changed or is missing, or the file cannot be written; an older file stays as it was then.
    pub fn export(&self, file: &Path, comparisons: &[String]) -> Result<usize, BundleError> {
        let failed = |source: io::Error| BundleError::Io { file: file.display().to_string(), source };
        let mut ids = BTreeSet::new();
        for comparison in self.compared_for(comparisons)? {
            ids.extend(self.behind(&comparison.comparison)?);
        }
        let (mut records, mut withdrawn) = (BTreeMap::new(), BTreeMap::new());
        for id in &ids {
            let record = self.record_of(id)?;
            records.insert(id.clone(), record.kind.as_str().to_owned());
            withdrawn.extend(record.withdrawn.map(|reason| (id.clone(), reason)));
        }
        let program = concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned();
        let manifest = Manifest { layout: LAYOUT, program, records, withdrawn };
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let whole = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let mut tar = Builder::new(io::BufWriter::new(whole));
        append(&mut tar, MANIFEST, &canonical_json(&manifest)).map_err(failed)?;
        for id in &ids {
            let text = canonical_json(&self.record_of(id)?.body);
            append(&mut tar, &format!("records/{id}.json"), &text).map_err(failed)?;
        }
        let whole = tar.into_inner().and_then(|buffer| buffer.into_inner().map_err(|error| error.into_error()));
        let whole = whole.map_err(failed)?;
        whole.as_file().sync_all().map_err(failed)?;
        whole.persist(file).map_err(|error| failed(error.error))?;
        Ok(ids.len())
    }

    /// Takes a bundle in: all of it, or nothing where a record is not what its id and its kind say, belongs to no
    /// comparison in it, has a moment that cannot be, or does not follow from what it rests on: everything is calculated and
    /// judged again. Records are read one after the other.
    ///
    /// # Errors
    /// [`BundleError`], which names the record.
    pub fn import(&mut self, file: &Path) -> Result<Imported, BundleError> {
        let name = file.display().to_string();
        let failed = |source| BundleError::Io { file: name.clone(), source };
        // Of a pipe nobody knows whether it ever ends, and opening it may wait.
        let about = std::fs::metadata(file).map_err(failed)?;
        let form = |about: &str| BundleError::Form { file: name.clone(), about: about.to_owned() };
        if !about.is_file() {
            return Err(form("it is no file"));
        }
        if about.len() > MOST_ARCHIVE {
            return Err(form("it is larger than any evidence"));
        }
        let source = File::open(file).map_err(failed)?.take(MOST_ARCHIVE);
        self.change(|store| Taking::begun(store, &name, &mut Archive::new(source))?.done())
    }

    fn record_of(&self, id: &str) -> Result<Record, StoreError> {
        self.record(id)?.ok_or_else(|| StoreError::Missing { id: id.to_owned() })
    }

    /// Ids of everything that a comparison and what the panel said of it rest on, their own among them.
    fn behind(&self, comparison: &str) -> Result<Vec<String>, StoreError> {
        let whole = self.comparison(comparison)?;
        let earlier = || StoreError::Earlier { id: comparison.to_owned() };
        if whole.schema != SCHEMA_VERSION {
            return Err(earlier());
        }
        let mut ids: Vec<String> = taken_apart(&whole).into_iter().map(|(id, ..)| id).collect();
        for [a, b] in self.seats(comparison)? {
            ids.push(a.sitting.clone().ok_or_else(earlier)?);
            ids.extend(self.rubric_behind(&a.review)?);
            ids.extend([a.review, a.background, b.review, b.background]);
        }
        Ok(ids)
    }

    /// The id of the rubric that a review was made by, where it was kept.
    fn rubric_behind(&self, review: &str) -> Result<Option<String>, StoreError> {
        let review = self.record_of(review)?;
        let Some(sha256) = review.body["rubric"].as_str() else { return Ok(None) };
        let text = self.rubric_text(sha256)?;
        Ok(text.and_then(|text| id_of(Kind::Rubric, &Value::from(text)).ok()))
    }
}

/// A bundle on its way into the store, within one transaction.
struct Taking<'a> {
    store: &'a Store,
    file: &'a str,
    manifest: Manifest,
    /// Records that it brought and that were not here before.
    new: HashSet<String>,
    /// Records that a comparison in it or what was said of one rests on.
    behind: HashSet<String>,
}

impl<'a> Taking<'a> {
    /// Puts in every record, each of which is what its id says.
    fn begun(store: &'a Store, file: &'a str, tar: &mut Archive<impl Read>) -> Result<Taking<'a>, BundleError> {
        let form = |about: String| BundleError::Form { file: file.to_owned(), about };
        // The library says of a file that is cut, and of one that never was a tar, that a block is not whole.
        let no_tar = |error: io::Error| form(format!("it is no whole tar ({error})"));
        // Without extensions, which are read whole before anything else is known of them.
        let mut entries = tar.entries().map_err(no_tar)?.raw(true);
        let first = entries.next().ok_or_else(|| form("it is empty".to_owned()))?.map_err(no_tar)?;
        let manifest = manifest(first).map_err(form)?;
        let (mut new, mut seen) = (HashSet::new(), HashSet::new());
        for entry in entries {
            let (path, text) = text_of(entry.map_err(no_tar)?).map_err(form)?;
            let id = path.strip_prefix("records/").and_then(|file| file.strip_suffix(".json"));
            let id = id.ok_or_else(|| form(format!("`{path}` is no record")))?;
            let kind = manifest.records.get(id).and_then(|kind| Kind::named(kind));
            let kind = kind.ok_or_else(|| form(format!("record {id} is not in its list")))?;
            if !seen.insert(id.to_owned()) {
                return Err(form(format!("record {id} is in it twice")));
            }
            let body = body_of(id, kind, &text)?;
            whole_id(id, kind, &body)?;
            if store.put(id, kind, &body)? {
                new.insert(id.to_owned());
            }
        }
        match manifest.records.keys().find(|id| !seen.contains(*id)) {
            Some(id) => Err(form(format!("record {id} is in its list and not in it"))),
            None => Ok(Taking { store, file, manifest, new, behind: HashSet::new() }),
        }
    }

    fn form(&self, about: String) -> BundleError {
        BundleError::Form { file: self.file.to_owned(), about }
    }

    /// Ids of the records of one kind.
    fn of_kind(&self, kind: Kind) -> Vec<String> {
        let is = |(_, named): &(&String, &String)| named.as_str() == kind.as_str();
        self.manifest.records.iter().filter(is).map(|(id, _)| id.clone()).collect()
    }

    /// Lists what the records are of, once all of them are there.
    fn done(mut self) -> Result<Imported, BundleError> {
        let sittings = self.sittings()?;
        for id in self.of_kind(Kind::Comparison) {
            let comparison = self.comparison(&id)?;
            follows(&id, Kind::Comparison, check_comparison(&comparison))?;
            let mut pair = None;
            for (sitting_id, sitting) in sittings.iter().filter(|(_, sitting)| sitting.comparison == id) {
                let said = self.said(sitting_id, sitting, &comparison)?;
                pair.get_or_insert_with(|| names(&comparison, said.backgrounds.each_ref()));
                let seats: [Seat; 2] = sitting.seats(sitting_id, &said, &comparison);
                self.store.seat(&seats)?;
            }
            let pair = pair.unwrap_or_else(|| names_by_files(&comparison));
            self.store.list(&id, &pair, &comparison.created)?;
        }
        if let Some(id) = self.manifest.records.keys().find(|id| !self.behind.contains(*id)) {
            return Err(self.form(format!("record {id} belongs to no comparison in it")));
        }
        Ok(Imported { not_withdrawn: self.withdraw()?, new: self.new.len() })
    }

    /// Everything that was said, the earliest first.
    fn sittings(&self) -> Result<Vec<(String, Sitting)>, BundleError> {
        let mut all = Vec::new();
        for id in self.of_kind(Kind::Sitting) {
            let sitting: Sitting = self.store.record_of(&id)?.content()?;
            all.push((id, sitting));
        }
        all.sort_by(|(one, a), (other, b)| (&a.created, one).cmp(&(&b.created, other)));
        Ok(all)
    }

    /// A comparison that is what this program makes of its records, all of which came with it.
    fn comparison(&mut self, id: &str) -> Result<Comparison, BundleError> {
        let comparison = self.store.comparison(id)?;
        let parts = taken_apart(&comparison);
        is_as_written(id, Kind::Comparison, parts.last().is_some_and(|(again, ..)| again == id))?;
        for (part, ..) in parts {
            self.rests_on(id, part)?;
        }
        match moment::doubt(&comparison.created) {
            Some(doubt) => Err(self.form(format!("comparison {id}: {doubt}"))),
            None => Ok(comparison),
        }
    }

    fn rests_on(&mut self, id: &str, part: String) -> Result<(), BundleError> {
        if !self.manifest.records.contains_key(&part) {
            return Err(self.form(format!("record {id} rests on record {part}, which is not in it")));
        }
        self.behind.insert(part);
        Ok(())
    }

    /// What was said of a comparison at one time, all of whose records came with it.
    fn said(&mut self, id: &str, sitting: &Sitting, comparison: &Comparison) -> Result<Said, BundleError> {
        let said = sitting.said(&mut |id| self.store.record_of(id))?;
        is_as_written(id, Kind::Sitting, id_of(Kind::Sitting, &json(sitting)).is_ok_and(|again| again == id))?;
        for (part, review) in sitting.reviews.iter().zip(&said.reviews) {
            is_as_written(part, Kind::Review, id_of(Kind::Review, &json(review)).is_ok_and(|again| again == *part))?;
            if review.device.is_none() {
                return Err(self.form(format!("record {part} is a review without a device")));
            }
            if let Some(text) = self.store.rubric_text(&review.rubric)? {
                let rubric = id_of(Kind::Rubric, &Value::from(text)).unwrap_or_default();
                self.behind.extend(self.manifest.records.contains_key(&rubric).then_some(rubric));
            }
        }
        for (part, known) in sitting.backgrounds.iter().zip(&said.backgrounds) {
            let again = id_of(Kind::Background, &json(known));
            is_as_written(part, Kind::Background, again.is_ok_and(|again| again == *part))?;
        }
        for part in std::iter::once(id).chain(sitting.reviews.iter().chain(&sitting.backgrounds).map(String::as_str)) {
            self.rests_on(id, part.to_owned())?;
        }
        if let Some(doubt) = background_doubts(comparison, said.backgrounds.each_ref()).into_iter().next() {
            return Err(self.form(format!("what the panel knew of comparison {}: {doubt}", sitting.comparison)));
        }
        match moment::doubt(&sitting.created) {
            Some(doubt) => Err(self.form(format!("what the panel said of comparison {}: {doubt}", sitting.comparison))),
            None if sitting.created < comparison.created => Err(self.form(format!(
                "the panel judged comparison {} at {}, before it was finished at {}",
                sitting.comparison, sitting.created, comparison.created
            ))),
            None => {
                self.judged_again(id, &said, comparison)?;
                Ok(said)
            }
        }
    }

    /// Holds what the panel said against what it says of the same evidence here.
    fn judged_again(&self, id: &str, said: &Said, comparison: &Comparison) -> Result<(), BundleError> {
        let sha256 = &said.reviews[0].rubric;
        let rubric = self.store.rubric(sha256, &[])?;
        let none = || self.form(format!("record {id} was judged by the rubric {sha256}, which is not in it"));
        let rubric = rubric.ok_or_else(none)?;
        let judgement = Judgement::of_reviews(comparison, said.reviews.clone());
        let faults = check_judgement(&judgement, comparison, said.backgrounds.each_ref(), &rubric);
        Ok(follows(id, Kind::Sitting, faults)?)
    }

    /// Marks as withdrawn what came with the mark; gives what was here before without one.
    fn withdraw(&self) -> Result<Vec<String>, BundleError> {
        let mut left = Vec::new();
        for (id, reason) in &self.manifest.withdrawn {
            if !self.manifest.records.contains_key(id) {
                return Err(self.form(format!("record {id} was withdrawn and is not in it")));
            }
            if self.new.contains(id) {
                let mark = "INSERT INTO tombstone(id, reason, created) VALUES(?1, ?2, ?3)";
                self.store.db.execute(mark, params![id, reason, now()]).map_err(self.store.failed())?;
            } else if self.store.record_of(id)?.withdrawn.is_none() {
                left.push(id.clone());
            }
        }
        Ok(left)
    }
}

/// Whether the id is the whole of the hash of what the record says.
fn whole_id(id: &str, kind: Kind, body: &Value) -> Result<(), StoreError> {
    let tampered = |about| StoreError::Tampered { id: id.to_owned(), kind: kind.as_str(), about };
    let expected = id_of(kind, body).map_err(|error| tampered(said(error)))?;
    let written = body.get("id").filter(|_| kind == Kind::Measurement);
    if expected != id || written.is_some_and(|written| written != id) {
        return Err(tampered(format!("its content hashes to {expected}")));
    }
    Ok(())
}

/// A record that says what its kind does not have would be told from nobody's reading of it.
fn is_as_written(id: &str, kind: Kind, is: bool) -> Result<(), StoreError> {
    let about = "read and written again it is another record".to_owned();
    if is { Ok(()) } else { Err(StoreError::Unfit { id: id.to_owned(), kind: kind.as_str(), about }) }
}

/// A record in which nothing is wrong.
fn follows(id: &str, kind: Kind, faults: Vec<Fault>) -> Result<(), StoreError> {
    let unfit = |fault: Fault| StoreError::Unfit { id: id.to_owned(), kind: kind.as_str(), about: said(fault) };
    faults.into_iter().next().map_or(Ok(()), |fault| Err(unfit(fault)))
}

fn append(tar: &mut Builder<impl Write>, path: &str, text: &str) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, path, text.as_bytes()) // no time, no owner: the same evidence gives the same bytes
}

/// The list, which comes first.
fn manifest(entry: Entry<'_, impl Read>) -> Result<Manifest, String> {
    let (path, text) = text_of(entry)?;
    if path != MANIFEST {
        return Err(format!("it begins with `{path}`, expected `{MANIFEST}`"));
    }
    Size::of_text(&text).within(Size::RECORD).map_err(|error| format!("`{MANIFEST}`: {error}"))?;
    #[derive(Deserialize)]
    struct Layout {
        layout: u32,
    }
    let read = |error: serde_json::Error| format!("`{path}`: {}", said(error));
    let Layout { layout } = serde_json::from_str(&text).map_err(read)?;
    if layout != LAYOUT {
        return Err(format!("its layout is {layout}, expected {LAYOUT}"));
    }
    let manifest: Manifest = serde_json::from_str(&text).map_err(read)?;
    let is_id = |id: &String| id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match manifest.records.keys().find(|id| !is_id(id)) {
        Some(id) => Err(format!("`{}` in its list is no whole SHA-256", said(id))),
        None => Ok(manifest),
    }
}

/// A file of the archive, which is text.
fn text_of(entry: Entry<'_, impl Read>) -> Result<(String, String), String> {
    let path = said(String::from_utf8_lossy(&entry.path_bytes()));
    if !entry.header().entry_type().is_file() {
        return Err(format!("`{path}` is no file"));
    }
    if entry.size() > MOST_BYTES as u64 {
        return Err(format!("`{path}` is larger than any record"));
    }
    let mut text = String::new();
    entry.take(MOST_BYTES as u64).read_to_string(&mut text).map_err(|_| format!("`{path}` is not whole text"))?;
    Ok((path, text))
}
