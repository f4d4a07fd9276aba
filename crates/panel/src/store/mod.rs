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
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

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
/// the disk. [KiB]
const CACHE_KIB: i64 = 32 << 10;
/// How long one process waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open evidence store.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: Connection,
    path: PathBuf,
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
        let mut store = Store { db: Connection::open(path).map_err(failed)?, path: path.to_owned() };
        store.prepare().map_err(failed)?;
        schema::migrate(&mut store)?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&mut self) -> rusqlite::Result<()> {
        self.db.busy_timeout(PATIENCE)?;
        self.db.pragma_update(None, "journal_mode", "WAL")?;
        self.db.pragma_update(None, "synchronous", "FULL")?;
        self.db.pragma_update(None, "foreign_keys", true)?;
        self.db.pragma_update(None, "cache_size", -CACHE_KIB)?;
        self.db.pragma_update(None, "trusted_schema", false)
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

/// So many hours before now, RFC 3339 in UTC, to the second.
pub(crate) fn hours_ago(hours: i64) -> String {
    plimsoll_lab::moment::written(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours))
}

/// Now, RFC 3339 in UTC, to the second.
pub(crate) fn now() -> String {
    hours_ago(0)
}
