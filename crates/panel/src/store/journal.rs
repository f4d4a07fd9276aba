//! Steps of a measurement that is under way, so that one that was interrupted goes on where it stopped.

use rusqlite::{OptionalExtension, params};
use serde_json::Value;

use super::{Store, StoreError, hours_ago, now};

/// Days after which the steps of a run that nobody finished are forgotten.
const KEPT_DAYS: i64 = 30;

impl Store {
    /// What came of a step of `run`, if it was done. Runs are found by the hash of everything that determines them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn step(&self, run: &str, step: &str) -> Result<Option<Value>, StoreError> {
        let failed = self.failed();
        let mut find =
            self.db.prepare_cached("SELECT body FROM partial WHERE run = ?1 AND step = ?2").map_err(&failed)?;
        let body: Option<String> = find.query_row(params![run, step], |row| row.get(0)).optional().map_err(&failed)?;
        // A step that cannot be read is done again.
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// How many steps of `run` are done.
    ///
    /// # Errors
    /// When the store fails.
    pub fn n_steps(&self, run: &str) -> Result<usize, StoreError> {
        let count = self.db.query_row("SELECT COUNT(*) FROM partial WHERE run = ?1", [run], |row| row.get(0));
        count.map_err(self.failed())
    }

    /// Keeps what came of steps, each named by its run, a slash and its name. When this returns, they are on disk.
    ///
    /// # Errors
    /// When the store fails; then none was kept.
    pub fn keep_steps(&mut self, steps: &[(String, Value)]) -> Result<(), StoreError> {
        if steps.is_empty() {
            return Ok(());
        }
        self.write(|db| {
            let mut insert = db.prepare_cached(
                "INSERT INTO partial(run, step, body, created) VALUES(?1, ?2, ?3, ?4) \
                 ON CONFLICT(run, step) DO UPDATE SET body = excluded.body",
            )?;
            for (key, value) in steps {
                let (run, step) = key.split_once('/').unwrap_or((key, ""));
                insert.execute(params![run, step, value.to_string(), now()])?;
            }
            Ok(())
        })
    }

    /// Forgets the steps of `run`, which is complete and kept as a whole, and those of runs that nobody finished.
    ///
    /// # Errors
    /// When the store fails.
    pub fn forget_steps(&mut self, run: &str) -> Result<(), StoreError> {
        let old = hours_ago(24 * KEPT_DAYS);
        self.write(|db| db.execute("DELETE FROM partial WHERE run = ?1 OR created < ?2", params![run, old]).map(drop))
    }
}
