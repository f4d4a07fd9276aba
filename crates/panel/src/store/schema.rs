//! Tables of the store, version by version. A step that was released is never changed; a new one is added.

use super::{Store, StoreError};

/// Each step brings the store from the version of its place to the next.
const STEPS: [&str; 3] = [
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
];

/// Brings the store up to the last version, or refuses one that is newer.
pub(super) fn migrate(store: &mut Store) -> Result<(), StoreError> {
    let known = STEPS.len() as u32;
    let found = version(store)?;
    if found > known {
        return Err(StoreError::TooNew { path: store.path().to_owned(), found, known });
    }
    if found == known {
        return Ok(());
    }
    store.write(|db| {
        // Another process may have been faster.
        let from: u32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        for step in STEPS.iter().skip(from as usize) {
            db.execute_batch(step)?;
        }
        db.pragma_update(None, "user_version", known)
    })
}

fn version(store: &Store) -> Result<u32, StoreError> {
    store.db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(store.failed())
}
