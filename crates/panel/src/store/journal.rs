//! Steps of a measurement that is under way, so that one that was interrupted goes on where it stopped.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::{Store, StoreError, now};

/// The steps done of one run, found by the hash of everything that determines it.
#[derive(Debug)]
pub struct Partial<'a> {
    store: &'a mut Store,
    run: String,
}

impl Store {
    /// The steps done of `run`.
    pub fn partial(&mut self, run: &str) -> Partial<'_> {
        Partial { store: self, run: run.to_owned() }
    }
}

impl Partial<'_> {
    /// How many steps are done.
    ///
    /// # Errors
    /// When the store fails.
    pub fn len(&self) -> Result<usize, StoreError> {
        let count = self.store.db.query_row("SELECT COUNT(*) FROM partial WHERE run = ?1", [&self.run], |row| row.get(0));
        count.map_err(self.store.failed())
    }

    /// Whether none is.
    ///
    /// # Errors
    /// When the store fails.
    pub fn is_empty(&self) -> Result<bool, StoreError> {
        Ok(self.len()? == 0)
    }

    /// What came of a step, if it was done.
    ///
    /// # Errors
    /// When the store fails.
    pub fn recall(&self, step: &str) -> Result<Option<Value>, StoreError> {
        let failed = self.store.failed();
        let mut find =
            self.store.db.prepare_cached("SELECT body FROM partial WHERE run = ?1 AND step = ?2").map_err(&failed)?;
        let body: Option<String> =
            find.query_row(params![self.run, step], |row| row.get(0)).optional().map_err(&failed)?;
        // A step that cannot be read is done again.
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// Keeps what came of a step; when this returns, it is on disk.
    ///
    /// # Errors
    /// When the store fails.
    pub fn record(&mut self, step: &str, value: &Value) -> Result<(), StoreError> {
        let run = &self.run;
        self.store.write(|db| {
            db.execute(
                "INSERT INTO partial(run, step, body, created) VALUES(?1, ?2, ?3, ?4) \
                 ON CONFLICT(run, step) DO UPDATE SET body = excluded.body",
                params![run, step, value.to_string(), now()],
            )
            .map(drop)
        })
    }

    /// Forgets the steps: the run is complete and kept as a whole.
    ///
    /// # Errors
    /// When the store fails.
    pub fn forget(self) -> Result<(), StoreError> {
        let run = &self.run;
        self.store.write(|db| db.execute("DELETE FROM partial WHERE run = ?1", [run]).map(drop))
    }
}
