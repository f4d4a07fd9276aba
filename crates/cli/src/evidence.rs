//! The evidence store of this user, and the journal that a long run keeps in it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use plimsoll_lab::journal::Journal;
use plimsoll_panel::store::{Store, StoreError};
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

/// Where the store is.
///
/// # Errors
/// There is no home to keep it in.
pub fn path(args: &StoreArgs) -> anyhow::Result<PathBuf> {
    let own = || places::data().map(|data| data.join("evidence.db"));
    args.store.clone().or_else(own).context("no folder for evidence: neither HOME nor XDG_DATA_HOME is set; name a file with --store")
}

/// Steps of runs, kept in the store. A step's key is its run and a slash before its name.
pub struct StoreJournal<'a> {
    store: &'a mut Store,
    waiting: Vec<(String, Value)>,
    written: Instant,
    run: Option<String>,
    failed: Option<StoreError>,
    recalled: std::cell::Cell<bool>,
}

impl<'a> StoreJournal<'a> {
    /// Nothing is read before it is asked for.
    pub fn new(store: &'a mut Store) -> StoreJournal<'a> {
        let recalled = std::cell::Cell::new(false);
        StoreJournal { store, waiting: Vec::new(), written: Instant::now(), run: None, failed: None, recalled }
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

    /// Forgets the steps of the run: it is kept as a whole.
    ///
    /// # Errors
    /// When the store fails.
    pub fn forget(self) -> Result<(), StoreError> {
        match &self.run {
            Some(run) => self.store.forget_steps(run),
            None => Ok(()),
        }
    }
}

impl Journal for StoreJournal<'_> {
    fn recall(&self, key: &str) -> Option<Value> {
        let (run, step) = key.split_once('/')?;
        let found = self.store.step(run, step).ok().flatten();
        if found.is_some() && !self.recalled.replace(true) {
            say(format_args!("note: going on where an interrupted run of the same comparison stopped"));
        }
        found
    }

    fn record(&mut self, key: &str, value: &Value) {
        self.run = key.split_once('/').map(|(run, _)| run.to_owned());
        self.waiting.push((key.to_owned(), value.clone()));
        if self.failed.is_none() && self.written.elapsed() >= BETWEEN_WRITES {
            self.failed = self.flush().err();
        }
    }
}
