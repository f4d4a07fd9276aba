//! The evidence store of this user, and the journal that a long run keeps in it.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use plimsoll_lab::journal::Journal;
use plimsoll_panel::judge::{check_report, unmarked};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{Store, StoreError};
use plimsoll_panel::{
    Broken, FieldReport, Report, check_seal, check_size, embedded_record, render_field_html, render_html,
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
    /// Two models.
    Two(Box<Report>),
    /// Three or more.
    Field(FieldReport),
}

impl Held {
    fn read(json: &[u8]) -> serde_json::Result<Held> {
        #[derive(serde::Deserialize)]
        struct Form {
            field: Option<u32>,
        }
        let form: Form = serde_json::from_slice(json)?;
        let field = || -> serde_json::Result<Held> { Ok(Held::Field(serde_json::from_slice(json)?)) };
        if form.field.is_some() { field() } else { Ok(Held::Two(Box::new(serde_json::from_slice(json)?))) }
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
    /// What it says.
    pub report: Held,
    /// Why it is not what was written, if it is not.
    broken: Option<Broken>,
    /// The page that it was read from, if it was one.
    page: Option<String>,
}

impl Written {
    fn read(json: &str, page: Option<String>) -> anyhow::Result<Written> {
        check_size(json)?;
        let report = Held::read(json.as_bytes())?;
        Ok(Written { report, broken: check_seal(serde_json::from_str(json)?).err(), page })
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
/// that anything at all was edited.
///
/// # Errors
/// The rubric is not at hand.
pub fn faults(written: &Written, rubrics: &[Rubric]) -> Result<Vec<String>, NoRubric> {
    let Written { report, broken, page } = written;
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
    faults.extend(broken.as_ref().map(Broken::to_string));
    Ok(faults)
}

/// How many marks of a report were not made again, and why, a sentence for each comparison in which there are any.
pub fn left_unmarked(written: &Written) -> Vec<String> {
    written.report.reports().iter().filter_map(|report| unmarked(&report.comparison)).collect()
}

/// A report was judged by a rubric that is neither inside nor was given.
#[derive(Debug, thiserror::Error)]
#[error("the rubric with SHA-256 {sha256}, by which the panel judged, is not at hand")]
pub struct NoRubric {
    /// Of the file.
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
