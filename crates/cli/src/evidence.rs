//! The evidence store of this user, and the journal that a long run keeps in it.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use plimsoll_lab::journal::Journal;
use plimsoll_lab::record::SCHEMA_VERSION;
use plimsoll_panel::judge::{check_report, unmarked};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{Store, StoreError};
use plimsoll_panel::{
    Broken, FieldReport, Report, Unread, check_keys, check_seal, check_size, differing, embedded_record,
    render_field_html, render_html,
};
use serde_json::Value;

use crate::args::StoreArgs;
use crate::notice::say;
use crate::places;

/// Steps are written this often and not each by itself: on a disk that syncs slowly, hundreds of short ones would take
/// longer than what they save.
const BETWEEN_WRITES: Duration = Duration::from_millis(500);

/// Opens the store that was named, or the user's own.
///
/// # Errors
/// There is no home to keep it in, or it cannot be opened.
pub fn open(args: &StoreArgs) -> anyhow::Result<Store> {
    Ok(Store::open(&path(args)?)?)
}

/// Opens the store that was named, or the user's own, to look at it: one that is not there is not made.
///
/// # Errors
/// As [`open`], and [`StoreError::Absent`].
pub fn open_to_read(args: &StoreArgs) -> anyhow::Result<Store> {
    Ok(Store::open_to_read(&path(args)?)?)
}

/// Where the store is.
///
/// # Errors
/// There is no home to keep it in.
pub fn path(args: &StoreArgs) -> anyhow::Result<PathBuf> {
    let own = || places::data().map(|data| data.join("evidence.db"));
    args.store
        .clone()
        .or_else(own)
        .context("no folder for evidence: neither HOME nor XDG_DATA_HOME is set; name a file with --store")
}

/// Bytes of a report's file.
const MOST_REPORT: u64 = 512 << 20;

/// What a report's file holds.
pub enum Held {
    Two(Box<Report>),
    Field(FieldReport),
}

impl Held {
    fn read(json: &[u8]) -> anyhow::Result<Held> {
        #[derive(serde::Deserialize)]
        struct Form {
            field: Option<u32>,
            schema: Option<u32>,
        }
        let form: Form = serde_json::from_slice(json)?;
        if form.field.is_some() {
            return Ok(Held::Field(serde_json::from_slice(json)?));
        }
        let read = serde_json::from_slice(json).map(|report| Held::Two(Box::new(report)));
        match form.schema.filter(|schema| *schema != SCHEMA_VERSION) {
            // What is missing in it, or what else stands there, is the lesser part of what is wrong.
            Some(schema) => read.with_context(|| {
                format!("its record has version {schema}, and this program reads version {SCHEMA_VERSION}")
            }),
            None => Ok(read?),
        }
    }

    /// Whether nothing stands in the record that is not read.
    fn check_keys(&self, json: &Value) -> Result<(), Unread> {
        match self {
            // That it is of another version is told, and what that one wrote is not to be known here.
            _ if self.reports().iter().any(|report| report.comparison.schema != SCHEMA_VERSION) => Ok(()),
            Held::Two(report) => check_keys(json, report),
            Held::Field(field) => check_keys(json, field),
        }
    }

    /// The reports of two in it.
    pub fn reports(&self) -> &[Report] {
        match self {
            Held::Two(report) => std::slice::from_ref(report),
            Held::Field(field) => &field.reports,
        }
    }
}

/// A report as `compare` wrote it.
pub struct Written {
    pub report: Held,
    /// Why it is not what was written, if it is not.
    broken: Option<Broken>,
    /// What stands in it that nobody reads.
    unread: Option<Unread>,
    /// The page that it was read from, if it was one.
    page: Option<String>,
}

impl Written {
    fn read(json: &str, page: Option<String>) -> anyhow::Result<Written> {
        check_size(json)?;
        let report = Held::read(json.as_bytes())?;
        let whole: Value = serde_json::from_str(json)?;
        let unread = report.check_keys(&whole).err();
        Ok(Written { report, broken: check_seal(whole).err(), unread, page })
    }
}

/// Reads a report's JSON, or the page that carries it.
///
/// # Errors
/// The file cannot be read, or holds no report.
pub fn read_report(file: &Path) -> anyhow::Result<Written> {
    let place = || format!("report `{}`", file.display());
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(place)?;
    opened.take(MOST_REPORT + 1).read_to_string(&mut text).with_context(place)?;
    if text.len() as u64 > MOST_REPORT {
        bail!("{}: it is larger than any report", place());
    }
    if !text.trim_ascii_start().starts_with('<') {
        return Written::read(&text, None).with_context(place);
    }
    let record = embedded_record(&text).context("the page carries no record that it could be held against");
    let record = record.with_context(place)?;
    Written::read(&record, Some(text)).with_context(place)
}

/// What does not hold in a report: figures that were changed, what does not follow from samples and answers, or from them
/// by the rubric that it names, one of `rubrics` or the one inside; of a page, that it shows something else; and
/// that anything at all was edited, or stands in it that nobody reads.
///
/// # Errors
/// The rubric is not at hand.
pub fn faults(written: &Written, rubrics: &[Rubric]) -> Result<Vec<String>, NoRubric> {
    let Written { report, broken, unread, page } = written;
    let Some(first) = report.reports().first() else { return Ok(vec!["there is no comparison in it".to_owned()]) };
    let sha256 = &first.judgement.rubric;
    let rubric = Rubric::at_hand(sha256, rubrics).ok_or_else(|| NoRubric { sha256: sha256.clone() })?;
    let mut faults: Vec<String> = match report {
        Held::Two(report) => check_report(report, &rubric).iter().map(ToString::to_string).collect(),
        Held::Field(field) => field.faults(&rubric),
    };
    let shown = || match report {
        Held::Two(report) => render_html(report, &rubric.text),
        Held::Field(field) => render_field_html(field, &rubric.text),
    };
    if page.as_ref().is_some_and(|page| *page != shown()) {
        faults.push("the page is not what this program shows of the record that it carries".to_owned());
    }
    faults.extend(unread.as_ref().map(Unread::to_string));
    faults.extend(broken.as_ref().map(Broken::to_string));
    Ok(faults)
}

/// How many marks of a report were not made again, and why, a sentence for each comparison in which there are any; and what
/// was known of its models that this program knows otherwise.
pub fn notes(written: &Written) -> Vec<String> {
    let reports = written.report.reports();
    let mut notes: Vec<String> = reports.iter().filter_map(|report| unmarked(&report.comparison)).collect();
    notes.extend(reports.iter().flat_map(differing));
    notes.dedup();
    notes
}

/// A report was judged by a rubric that is neither inside nor was given.
#[derive(Debug, thiserror::Error)]
#[error("the rubric with SHA-256 {sha256}, by which the panel judged, is not at hand")]
pub struct NoRubric {
    pub sha256: String,
}

/// Steps of runs, kept in the store. A step's key is its run and a slash before its name.
pub struct StoreJournal<'a> {
    store: &'a mut Store,
    waiting: Vec<(String, Value)>,
    written: Instant,
    /// Whose steps were recalled or recorded.
    run: RefCell<Option<String>>,
    failed: Option<StoreError>,
    recalled: Cell<bool>,
}

impl<'a> StoreJournal<'a> {
    /// Nothing is read before it is asked for.
    pub fn new(store: &'a mut Store) -> StoreJournal<'a> {
        let (run, recalled) = (RefCell::new(None), Cell::new(false));
        StoreJournal { store, waiting: Vec::new(), written: Instant::now(), run, failed: None, recalled }
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// When the store failed, now or before.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.written = Instant::now();
        self.store.keep_steps(&std::mem::take(&mut self.waiting))
    }

    /// The run whose steps were recalled or recorded, if any were: to be forgotten once it is kept as a whole.
    pub fn into_run(self) -> Option<String> {
        self.run.into_inner()
    }
}

impl Journal for StoreJournal<'_> {
    fn recall(&self, key: &str) -> Option<Value> {
        let (run, step) = key.split_once('/')?;
        let found = self.store.step(run, step).ok().flatten();
        if found.is_some() {
            self.run.replace(Some(run.to_owned()));
        }
        if found.is_some() && !self.recalled.replace(true) {
            say(format_args!("note: going on where an interrupted run of the same comparison stopped"));
        }
        found
    }

    fn record(&mut self, key: &str, value: &Value) {
        self.run.replace(key.split_once('/').map(|(run, _)| run.to_owned()));
        self.waiting.push((key.to_owned(), value.clone()));
        if self.failed.is_none() && self.written.elapsed() >= BETWEEN_WRITES {
            self.failed = self.flush().err();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_of_which_everything_was_recalled_is_known_too() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("evidence.db")).unwrap();
        store.keep_steps(&[("run/step".to_owned(), Value::from(7))]).unwrap();
        let journal = StoreJournal::new(&mut store);
        assert_eq!(journal.recall("run/step"), Some(Value::from(7)));
        assert_eq!(journal.into_run().as_deref(), Some("run"));
    }
}
