//! Tables of the store, version by version. A step that was released is never changed; a new one is added.

use std::cmp::Ordering;

use super::{Store, StoreError};
use crate::foreign::shown_text;

/// Each step brings the store from the version of its place to the next.
const STEPS: [&str; 4] = [
    "
CREATE TABLE record(
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;
CREATE INDEX record_by_kind ON record(kind, created);
CREATE TABLE tombstone(
    id TEXT PRIMARY KEY REFERENCES record(id),
    reason TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;

CREATE TABLE secret(
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE note(
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE noted(
    artifact TEXT NOT NULL,
    metric TEXT NOT NULL,
    measurement TEXT NOT NULL REFERENCES record(id),
    created TEXT NOT NULL,
    PRIMARY KEY(artifact, metric)
) STRICT;

CREATE TABLE compared(
    comparison TEXT PRIMARY KEY REFERENCES record(id),
    a TEXT NOT NULL,
    b TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;
CREATE INDEX compared_pair ON compared(a, b, created);
CREATE INDEX compared_b ON compared(b, created);
CREATE INDEX compared_time ON compared(created);

CREATE TABLE judged(
    seq INTEGER PRIMARY KEY,
    review TEXT NOT NULL REFERENCES record(id),
    comparison TEXT NOT NULL REFERENCES record(id),
    background TEXT NOT NULL REFERENCES record(id),
    model TEXT NOT NULL,
    usage TEXT NOT NULL,
    device TEXT NOT NULL,
    verdict TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;
CREATE INDEX judged_model ON judged(model, usage, device, seq);
CREATE INDEX judged_time ON judged(created);

CREATE TABLE partial(
    run TEXT NOT NULL,
    step TEXT NOT NULL,
    body TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY(run, step)
) STRICT;

CREATE TABLE vote(
    seq INTEGER PRIMARY KEY,
    page TEXT NOT NULL,
    voter TEXT NOT NULL,
    network TEXT NOT NULL,
    choice TEXT NOT NULL,
    created TEXT NOT NULL,
    counted INTEGER NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE INDEX vote_network ON vote(network, created);
CREATE INDEX vote_time ON vote(created);
CREATE TABLE ballot(
    page TEXT NOT NULL,
    voter TEXT NOT NULL,
    network TEXT NOT NULL,
    choice TEXT NOT NULL,
    counted INTEGER NOT NULL,
    PRIMARY KEY(page, voter)
) STRICT, WITHOUT ROWID;
CREATE INDEX ballot_network ON ballot(page, network);
CREATE TABLE tally(
    page TEXT NOT NULL,
    choice TEXT NOT NULL,
    raw INTEGER NOT NULL,
    counted INTEGER NOT NULL,
    PRIMARY KEY(page, choice)
) STRICT, WITHOUT ROWID;

CREATE TABLE bookmark(
    owner TEXT NOT NULL,
    page TEXT NOT NULL,
    created TEXT NOT NULL,
    PRIMARY KEY(owner, page)
) STRICT, WITHOUT ROWID;
",
    "
CREATE TABLE subscriber(
    address TEXT PRIMARY KEY,
    confirm TEXT,
    leave TEXT NOT NULL,
    asked TEXT NOT NULL,
    confirmed TEXT,
    mailed TEXT
) STRICT;
CREATE INDEX subscriber_confirm ON subscriber(confirm);
CREATE INDEX subscriber_leave ON subscriber(leave);
",
    "
ALTER TABLE judged ADD COLUMN sitting TEXT REFERENCES record(id);
CREATE INDEX judged_sitting ON judged(sitting);
CREATE INDEX judged_comparison ON judged(comparison);
",
    "
ALTER TABLE subscriber ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
",
];
/// What the file's header says it is, as `file` and other programs see it: `Plim`.
const APPLICATION: i32 = 0x506c_696d;
/// Tables that a store had before it said so.
const OLDEST_TABLES: [&str; 4] = ["ballot", "compared", "judged", "record"];

/// Whether the file is a store or empty, and holds tables alone: what a view or a trigger does has no end that is known.
///
/// # Errors
/// [`StoreError::Foreign`].
pub(super) fn require_own(store: &Store) -> Result<(), StoreError> {
    let failed = store.failed();
    let foreign = |about: String| Err(StoreError::Foreign { path: store.path().to_owned(), about });
    let application: i32 = store.db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(&failed)?;
    let mut find = store.db.prepare("SELECT type, name, coalesce(sql, '') FROM sqlite_schema").map_err(&failed)?;
    let found = find.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let found: Vec<(String, String, String)> = found.and_then(Iterator::collect).map_err(&failed)?;
    for (kind, name, sql) in &found {
        let is_virtual = sql.get(..14).is_some_and(|start| start.eq_ignore_ascii_case("CREATE VIRTUAL"));
        if is_virtual || !matches!(kind.as_str(), "table" | "index") {
            let kind = if is_virtual { "virtual table" } else { kind.as_str() };
            return foreign(format!("it holds the {kind} `{}`", shown_text(name, 40)));
        }
    }
    let has = |table: &str| found.iter().any(|(kind, name, _)| kind == "table" && name == table);
    match application {
        APPLICATION => Ok(()),
        0 if found.is_empty() || OLDEST_TABLES.into_iter().all(has) => Ok(()),
        0 => foreign("its tables are another program's".to_owned()),
        other => foreign(format!("its header says that it belongs to another program ({other:#010x})")),
    }
}

/// Whether the store has this version, where it cannot be brought up to it.
///
/// # Errors
/// [`StoreError::TooOld`] or [`StoreError::TooNew`].
pub(super) fn require_current(store: &Store) -> Result<(), StoreError> {
    let (found, known, path) = (version(store)?, STEPS.len() as u32, store.path().to_owned());
    match found.cmp(&known) {
        Ordering::Less => Err(StoreError::TooOld { path, found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(StoreError::TooNew { path, found, known }),
    }
}

/// Brings the store up to the last version, or refuses one that is newer.
pub(super) fn migrate(store: &mut Store) -> Result<(), StoreError> {
    let known = STEPS.len() as u32;
    let found = version(store)?;
    if found > known {
        return Err(StoreError::TooNew { path: store.path().to_owned(), found, known });
    }
    let application: i32 =
        store.db.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(store.failed())?;
    if found == known && application == APPLICATION {
        return Ok(());
    }
    store.write(|db| {
        // Another process may have been faster.
        let from: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for step in STEPS.iter().skip(from as usize) {
            db.execute_batch(step)?;
        }
        db.pragma_update(None, "application_id", APPLICATION)?;
        db.pragma_update(None, "user_version", known)
    })
}

fn version(store: &Store) -> Result<u32, StoreError> {
    store.db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(store.failed())
}
