//! The evidence store: one SQLite file in which everything measured is kept under the hash of what it says.
//!
//! Records are immutable and never deleted; a withdrawn one is marked. Every change is one transaction on a
//! write-ahead log that is synced before it is acknowledged, so that a process killed at any moment loses nothing it
//! had acknowledged, and two processes take turns.

mod bookmarks;
mod bundle;
mod check;
mod history;
mod journal;
mod parts;
mod records;
mod schema;
mod sitting;
mod subscribers;
mod votes;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior, ffi};

pub use bundle::{BundleError, Imported};
pub use check::Checked;
pub use history::{Judged, Listed};
pub use records::{Kind, Record};
pub use subscribers::SignUp;
pub use votes::{Audit, Ballot, Choice, Filtered, Tally, Vote, VoteError};

use crate::bounds::TooLarge;

/// Digits of an id that stand for the whole of it.
const LEAST_DIGITS: usize = 8;
/// Pages of the file that a connection keeps in memory: with SQLite's own two megabytes, votes on a large store wait for
/// the disk, in KiB.
const CACHE_KIB: i64 = 16 << 10;
/// Steps of SQLite's between two looks whether it is to stop: some microseconds.
const STEPS_BETWEEN: i32 = 1000;
/// How long one process waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open evidence store.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: Connection,
    path: PathBuf,
    stop: Option<Arc<AtomicBool>>,
}

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder of the store cannot be made.
    #[error("cannot make the folder `{}` for evidence: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// SQLite refused.
    #[error("evidence store `{}`: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// There is no such file, and what is to be read is not made.
    #[error("there is no evidence store at `{}`", path.display())]
    Absent {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file is another program's, or was made to look like a store.
    #[error("`{}` is no evidence store: {about}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What no store of this program's has.
        about: String,
    },
    /// The file was written by an earlier version of this program, and cannot be brought up to this one.
    #[error("evidence store `{}` has version {found}, which is read as version {known} once it can be written", path.display())]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// This program's.
        known: u32,
    },
    /// The file was written by a later version of this program.
    #[error("evidence store `{}` has version {found}; this program knows up to {known}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The latest known here.
        known: u32,
    },
    /// A record is not what its id says.
    #[error("record {id} ({kind}) was changed after it was stored: {about}")]
    Tampered {
        /// The record's id.
        id: String,
        /// What it is.
        kind: &'static str,
        /// What does not agree.
        about: String,
    },
    /// A record is not what its kind is, whatever its id says.
    #[error("record {id} is no {kind} as this program writes it: {about}")]
    Unfit {
        /// The record's id.
        id: String,
        /// What it is said to be.
        kind: &'static str,
        /// What it says instead.
        about: String,
    },
    /// A record, or a comparison with all its records, is too large to be read.
    #[error("record {id}: {about}")]
    TooLarge {
        /// The record's id.
        id: String,
        /// By how much.
        about: TooLarge,
    },
    /// Another record has the id of one that was to be kept.
    #[error("another record is kept under {id}, the id of this {kind}: one of the two is forged")]
    Taken {
        /// The id.
        id: String,
        /// What was to be kept.
        kind: &'static str,
    },
    /// A comparison that an earlier version of this program kept cannot be handed on.
    #[error(
        "comparison {id} was kept by an earlier version, under ids that others could make to fit: compare again to hand \
         it on"
    )]
    Earlier {
        /// Its id.
        id: String,
    },
    /// A record that another one rests on is not there.
    #[error("record {id} is not in the store")]
    Missing {
        /// The id.
        id: String,
    },
    /// The beginning of an id does not say which.
    #[error("`{start}` begins {found} ids of the store; give more of its digits")]
    Ambiguous {
        /// What was given.
        start: String,
        /// How many ids begin so.
        found: usize,
    },
    /// The beginning of an id is too short to mean one.
    #[error("`{start}` is no id: expected its first {LEAST_DIGITS} hexadecimal digits or more")]
    NoId {
        /// What was given.
        start: String,
    },
}

impl Store {
    /// Opens the store at `path`, making file and folder where they are not there, and brings it up to this version.
    ///
    /// # Errors
    /// [`StoreError`], which names the path.
    pub fn open(path: &Path) -> Result<Store, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        }
        let failed = |source| StoreError::Sqlite { path: path.to_owned(), source };
        let mut store = Store::over(Connection::open(path).map_err(failed)?, path)?;
        let failed = store.failed();
        store.db.pragma_update(None, "journal_mode", "WAL").map_err(&failed)?;
        store.db.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
        store.db.pragma_update(None, "foreign_keys", true).map_err(&failed)?;
        schema::migrate(&mut store)?;
        Ok(store)
    }

    /// Opens the store at `path`, which has to be there, to look at it. Where it cannot be written it is read as it is.
    ///
    /// # Errors
    /// [`StoreError`], which names the path.
    pub fn open_to_read(path: &Path) -> Result<Store, StoreError> {
        if !path.exists() {
            return Err(StoreError::Absent { path: path.to_owned() });
        }
        match Store::open(path) {
            Err(StoreError::Sqlite { source, .. }) if is_unwritable(&source) => Store::open_unwritable(path),
            opened => opened,
        }
    }

    fn open_unwritable(path: &Path) -> Result<Store, StoreError> {
        let failed = |source| StoreError::Sqlite { path: path.to_owned(), source };
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        // Beside a write-ahead log SQLite wants to write an index of it. Where there is none nobody writes the store, and it
        // can be taken for a file that does not change.
        let is_still = std::fs::metadata(log).map_or(true, |log| log.len() == 0);
        let address = form_urlencoded::byte_serialize(path.as_os_str().as_encoded_bytes()).collect::<String>();
        let address =
            format!("file:{}?mode=ro{}", address.replace('+', "%20"), if is_still { "&immutable=1" } else { "" });
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let store = Store::over(Connection::open_with_flags(address, flags).map_err(failed)?, path)?;
        schema::require_current(&store)?;
        Ok(store)
    }

    /// A connection to a file that nothing was changed in yet.
    fn over(db: Connection, path: &Path) -> Result<Store, StoreError> {
        let store = Store { db, path: path.to_owned(), stop: None };
        let failed = store.failed();
        store.db.busy_timeout(PATIENCE).map_err(&failed)?;
        store.db.pragma_update(None, "trusted_schema", false).map_err(&failed)?;
        store.db.pragma_update(None, "cache_size", -CACHE_KIB).map_err(&failed)?;
        schema::require_own(&store)?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Has whatever is asked of the store fail once `stop` is set, and what is under way too: nobody waits for it any more.
    pub fn stop_on(&mut self, stop: Option<Arc<AtomicBool>>) {
        let watched = stop.clone().map(|stop| move || stop.load(Ordering::Relaxed));
        self.db.progress_handler(STEPS_BETWEEN, watched);
        self.stop = stop;
    }

    /// Fails where nobody waits any more: many short questions in a row are each over before SQLite looks.
    pub(crate) fn require_wanted(&self) -> Result<(), StoreError> {
        if self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            let stopped = ffi::Error::new(ffi::SQLITE_INTERRUPT);
            return Err(self.failed()(rusqlite::Error::SqliteFailure(stopped, None)));
        }
        Ok(())
    }

    pub(crate) fn failed(&self) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let path = self.path.clone();
        move |source| StoreError::Sqlite { path: path.clone(), source }
    }

    /// One transaction: all of `work` or nothing, and nobody writes in between.
    pub(crate) fn write<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let failed = self.failed();
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&failed)?;
        let done = work(&transaction).map_err(&failed)?;
        transaction.commit().map_err(&failed)?;
        Ok(done)
    }

    /// The same where what is done reads the store too, and may be refused for what it finds.
    fn change<T, E: From<StoreError>>(&mut self, work: impl FnOnce(&Store) -> Result<T, E>) -> Result<T, E> {
        let failed = self.failed();
        // Nested it would be refused when it begins: nothing that is done in one begins another.
        let transaction = Transaction::new_unchecked(&self.db, TransactionBehavior::Immediate).map_err(&failed)?;
        let done = work(self)?;
        transaction.commit().map_err(&failed)?;
        Ok(done)
    }
}

fn is_unwritable(error: &rusqlite::Error) -> bool {
    use ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
    error.sqlite_error_code().is_some_and(|code| matches!(code, CannotOpen | PermissionDenied | ReadOnly))
}

/// So many hours before now, RFC 3339 in UTC, to the second.
pub(crate) fn hours_ago(hours: i64) -> String {
    plimsoll_lab::moment::written(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours))
}

/// Now, RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    hours_ago(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_any_more_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("evidence.db")).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        store.stop_on(Some(Arc::clone(&stop)));
        assert!(store.comparisons(10).is_ok() && store.record("none").unwrap().is_none());
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n";
        let (tell, asked) = std::sync::mpsc::channel();
        let asking = std::thread::spawn(move || {
            tell.send(()).unwrap();
            let ended = store.db.query_row(endless, [], |row| row.get::<_, i64>(0));
            (store, ended)
        });
        asked.recv().unwrap();
        stop.store(true, Ordering::Relaxed);
        let (mut store, ended) = asking.join().unwrap();
        assert_eq!(ended.unwrap_err().sqlite_error_code(), Some(ErrorCode::OperationInterrupted));
        assert!(store.record("none").is_err(), "a short question fails as well");
        store.stop_on(None);
        assert!(store.record("none").unwrap().is_none());
    }

    #[test]
    fn a_store_that_cannot_be_written_is_read_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a store #1 of 100%.db");
        drop(Store::open(&path).unwrap());
        let store = Store::open_unwritable(&path).unwrap();
        assert!(store.comparisons(10).unwrap().is_empty());
        let refused = store.db.execute("DELETE FROM record", []).unwrap_err();
        assert!(is_unwritable(&refused), "{refused}");
    }

    #[test]
    fn what_is_only_read_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.db");
        assert!(matches!(Store::open_to_read(&path), Err(StoreError::Absent { .. })));
        assert!(!path.exists());
    }

    #[test]
    fn a_database_of_another_program_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        for (name, made) in [
            ("bookmarks", "CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url TEXT)"),
            ("map", "PRAGMA application_id = 1196444487"),
            ("alike", "CREATE TABLE record(id TEXT)"),
        ] {
            let path = folder.path().join(name);
            Connection::open(&path).unwrap().execute_batch(made).unwrap();
            let before = std::fs::read(&path).unwrap();
            for opened in [Store::open(&path), Store::open_to_read(&path)] {
                assert!(matches!(opened, Err(StoreError::Foreign { .. })), "{name}: {opened:?}");
            }
            assert_eq!(std::fs::read(&path).unwrap(), before, "{name}");
        }
    }

    #[test]
    fn a_store_with_a_view_a_trigger_or_a_virtual_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, made) in [
            (
                "view",
                "DROP TABLE note; CREATE VIEW note AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) \
                      SELECT 'a' AS name, i AS value FROM n",
            ),
            ("trigger", "CREATE TRIGGER t AFTER INSERT ON record BEGIN DELETE FROM vote; END"),
            ("virtual table", "CREATE VIRTUAL TABLE words USING fts5(word)"),
        ] {
            let path = folder.path().join(name);
            Store::open(&path).unwrap().db.execute_batch(made).unwrap();
            let told = Store::open(&path).unwrap_err().to_string();
            assert!(told.contains("is no evidence store") && told.contains(name), "{told}");
        }
    }

    #[test]
    fn a_store_from_before_it_was_marked_as_one_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.db");
        Store::open(&path).unwrap().db.execute_batch("PRAGMA application_id = 0").unwrap();
        let store = Store::open(&path).unwrap();
        let marked: i32 = store.db.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
        assert_ne!(marked, 0);
    }
}
