//! Pages that a browser marked, and what a server has to remember of itself.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, now};

/// Pages that one browser may mark.
const MOST: i64 = 500;

impl Store {
    /// What was remembered under `name`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let found = self.db.query_row("SELECT value FROM note WHERE name = ?1", [name], |row| row.get(0));
        found.optional().map_err(self.failed())
    }

    /// Remembers `value` under `name`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn set_note(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        let upsert = "INSERT INTO note VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = excluded.value";
        self.write(|db| db.execute(upsert, params![name, value]).map(drop))
    }

    /// Marks `page` for `owner`, or takes the mark away. Returns whether it is marked now: one mark more than are
    /// allowed is not set.
    ///
    /// # Errors
    /// When the store fails.
    pub fn bookmark(&mut self, owner: &str, page: &str, marked: bool) -> Result<bool, StoreError> {
        self.write(|db| {
            if !marked {
                db.execute("DELETE FROM bookmark WHERE owner = ?1 AND page = ?2", params![owner, page])?;
                return Ok(false);
            }
            let held: i64 =
                db.query_row("SELECT COUNT(*) FROM bookmark WHERE owner = ?1", [owner], |row| row.get(0))?;
            if held >= MOST {
                return Ok(false);
            }
            let insert = "INSERT INTO bookmark(owner, page, created) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING";
            db.execute(insert, params![owner, page, now()])?;
            Ok(true)
        })
    }

    /// The pages that `owner` marked, the latest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn bookmarks(&self, owner: &str) -> Result<Vec<String>, StoreError> {
        let failed = self.failed();
        let mut find = self
            .db
            .prepare_cached("SELECT page FROM bookmark WHERE owner = ?1 ORDER BY created DESC, page")
            .map_err(&failed)?;
        let pages = find.query_map([owner], |row| row.get(0)).map_err(&failed)?;
        pages.collect::<rusqlite::Result<_>>().map_err(&failed)
    }
}
