//! Pages that a browser marked, and what a server has to remember of itself.

use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, hours_ago, now};

/// Pages that one browser may mark.
const MOST: i64 = 500;
/// Pages that all browsers may mark.
const MOST_OF_ALL: i64 = 100_000;
/// Browsers keep their name for a year, and nobody can ask for older marks.
const KEPT_HOURS: i64 = 24 * 366;

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
    /// allowed, to one or to all, is not set.
    ///
    /// # Errors
    /// When the store fails.
    pub fn bookmark(&mut self, owner: &str, page: &str, marked: bool) -> Result<bool, StoreError> {
        self.write(|db| {
            if !marked {
                db.execute("DELETE FROM bookmark WHERE owner = ?1 AND page = ?2", params![owner, page])?;
                return Ok(false);
            }
            let is_held = "SELECT COUNT(*) FROM bookmark WHERE owner = ?1 AND page = ?2";
            if db.query_row(is_held, params![owner, page], |row| row.get::<_, i64>(0))? > 0 {
                return Ok(true);
            }
            let held: i64 =
                db.query_row("SELECT COUNT(*) FROM bookmark WHERE owner = ?1", [owner], |row| row.get(0))?;
            let count = || db.query_row("SELECT COUNT(*) FROM bookmark", [], |row| row.get::<_, i64>(0));
            if held < MOST && count()? >= MOST_OF_ALL {
                db.execute("DELETE FROM bookmark WHERE created < ?1", [hours_ago(KEPT_HOURS)])?;
            }
            if held >= MOST || count()? >= MOST_OF_ALL {
                return Ok(false);
            }
            let insert = "INSERT INTO bookmark(owner, page, created) VALUES(?1, ?2, ?3)";
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_marks_in_all_and_old_ones_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("evidence.db")).unwrap();
        assert!(store.bookmark("first", "/model/a", true).unwrap());
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) \
             INSERT INTO bookmark SELECT 'o' || i, '/model/a', ?2 FROM n";
        store.write(|db| db.execute(fill, params![MOST_OF_ALL - 1, now()])).unwrap();
        assert!(!store.bookmark("new", "/model/a", true).unwrap());
        assert!(store.bookmark("first", "/model/a", true).unwrap(), "what is marked stays so");
        let old = hours_ago(KEPT_HOURS + 1);
        store.write(|db| db.execute("UPDATE bookmark SET created = ?1 WHERE owner = 'o7'", [old])).unwrap();
        assert!(store.bookmark("new", "/model/a", true).unwrap());
        assert!(store.bookmarks("o7").unwrap().is_empty());
    }
}
