//! What readers prefer: a log in which each vote carries the hash of the one before, and the counts that follow from it.
//!
//! One vote a page and voter counts, the last; of one network and page at most [`COUNTED_PER_NETWORK`] voters do. All of
//! them stay in the log and in the raw counts, so that what was filtered can be seen.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_lab::hash::sha256_hex;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError, hours_ago, now};

/// Voters of one network whose votes on a page count.
pub const COUNTED_PER_NETWORK: i64 = 5;
/// Votes that one network may cast in an hour, on all pages together.
const PER_NETWORK_AND_HOUR: i64 = 60;
/// What the first vote has before it.
const FIRST: &str = "";

/// What a voter prefers: one of the page's two models, or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The model of this id.
    Model(String),
    /// Neither.
    Neither,
}

impl Choice {
    /// As it is stored.
    pub fn as_str(&self) -> &str {
        match self {
            Choice::Model(id) => id,
            Choice::Neither => "neither",
        }
    }
}

/// A vote to be cast. Voter and network are keys made by [`Store::key`]: nobody's address is stored.
#[derive(Debug, Clone)]
pub struct Vote {
    /// The page, `a-vs-b`.
    pub page: String,
    /// Whose.
    pub voter: String,
    /// From where.
    pub network: String,
    /// For which.
    pub choice: Choice,
}

/// A voter's present vote on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// As stored, a model's id or `neither`.
    pub choice: String,
    /// Whether it passes the filter.
    pub counted: bool,
}

/// Votes for one choice on a page.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Tally {
    /// A model's id or `neither`.
    pub choice: String,
    /// All voters.
    pub raw: i64,
    /// Those that pass the filter.
    pub counted: i64,
}

/// Why a vote was not cast.
#[derive(Debug, thiserror::Error)]
pub enum VoteError {
    /// Too many from one network.
    #[error("more than {PER_NETWORK_AND_HOUR} votes in an hour came from this network; try again later")]
    TooMany,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of checking the log.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Audit {
    /// Votes in the log.
    pub votes: usize,
    /// The first vote that is not what its hash says, or does not follow the one before.
    pub broken_at: Option<i64>,
    /// Pages whose counts are not those that follow from the log.
    pub wrong_counts: Vec<String>,
    /// For each page and network with votes that were filtered, how many.
    pub filtered: Vec<Filtered>,
}

/// Votes of one network on one page that do not count.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Filtered {
    /// The page.
    pub page: String,
    /// The network's key.
    pub network: String,
    /// Voters beyond those that count.
    pub voters: usize,
}

impl Audit {
    /// Whether the log and the counts agree.
    pub fn passed(&self) -> bool {
        self.broken_at.is_none() && self.wrong_counts.is_empty()
    }
}

impl Store {
    /// A key for something that must not be stored as it is, an address or a browser's secret: the same here each
    /// time, and of no use elsewhere.
    ///
    /// # Errors
    /// When the store fails.
    pub fn key(&mut self, what: &str) -> Result<String, StoreError> {
        const SALT: &str = "SELECT value FROM secret WHERE name = 'salt'";
        // Every page asks for a key: only the first waits for whoever writes.
        let held = self.db.query_row(SALT, [], |row| row.get::<_, Vec<u8>>(0)).optional().map_err(self.failed())?;
        let salt = match held {
            Some(salt) => salt,
            None => self.write(|db| {
                db.execute(
                    "INSERT INTO secret(name, value) VALUES('salt', randomblob(32)) ON CONFLICT DO NOTHING",
                    [],
                )?;
                db.query_row(SALT, [], |row| row.get(0))
            })?,
        };
        let mut bytes = salt.clone();
        bytes.extend(what.as_bytes());
        bytes.extend(salt); // on both ends, so that no longer text has a key that continues this one
        Ok(sha256_hex(&bytes)[..32].to_owned())
    }

    /// Casts a vote, or changes the one that the voter cast before. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`VoteError::TooMany`], or the store's failure; nothing was cast then.
    pub fn vote(&mut self, vote: &Vote) -> Result<Ballot, VoteError> {
        let hour_ago = hours_ago(1);
        let cast = self.write(|db| {
            let recent: i64 = db.query_row(
                "SELECT COUNT(*) FROM vote WHERE network = ?1 AND created > ?2",
                params![vote.network, hour_ago],
                |row| row.get(0),
            )?;
            if recent >= PER_NETWORK_AND_HOUR {
                return Ok(None);
            }
            cast(db, vote, &now()).map(Some)
        })?;
        cast.ok_or(VoteError::TooMany)
    }

    /// Casts many votes at once, without the limit on networks: for tests of scale.
    ///
    /// # Errors
    /// When the store fails; then none was cast.
    pub fn vote_all(&mut self, votes: impl Iterator<Item = Vote>) -> Result<(), StoreError> {
        self.write(|db| {
            let now = now();
            for vote in votes {
                cast(db, &vote, &now)?;
            }
            Ok(())
        })
    }

    /// The voter's present vote on `page`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn ballot(&self, page: &str, voter: &str) -> Result<Option<Ballot>, StoreError> {
        let failed = self.failed();
        let mut find = self
            .db
            .prepare_cached("SELECT choice, counted FROM ballot WHERE page = ?1 AND voter = ?2")
            .map_err(&failed)?;
        let found =
            find.query_row(params![page, voter], |row| Ok(Ballot { choice: row.get(0)?, counted: row.get(1)? }));
        found.optional().map_err(&failed)
    }

    /// Votes on `page` by choice.
    ///
    /// # Errors
    /// When the store fails.
    pub fn tally(&self, page: &str) -> Result<Vec<Tally>, StoreError> {
        let failed = self.failed();
        let mut find = self
            .db
            .prepare_cached("SELECT choice, raw, counted FROM tally WHERE page = ?1 AND raw > 0 ORDER BY choice")
            .map_err(&failed)?;
        let rows =
            find.query_map([page], |row| Ok(Tally { choice: row.get(0)?, raw: row.get(1)?, counted: row.get(2)? }));
        rows.and_then(Iterator::collect).map_err(&failed)
    }

    /// Reads the whole log: whether it is whole, whether the counts follow from it, and what was filtered.
    ///
    /// # Errors
    /// When the store fails.
    pub fn audit_votes(&self) -> Result<Audit, StoreError> {
        let failed = self.failed();
        let mut audit = Auditor::default();
        let mut all = self
            .db
            .prepare(
                "SELECT seq, page, voter, network, choice, created, counted, previous, hash FROM vote ORDER BY seq",
            )
            .map_err(&failed)?;
        let mut rows = all.query([]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            audit.take(&Logged::read(row).map_err(&failed)?);
        }
        let mut tallies = self.db.prepare("SELECT page, choice, raw, counted FROM tally").map_err(&failed)?;
        let mut stored: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        let mut rows = tallies.query([]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let read = || Ok(((row.get(0)?, row.get(1)?), (row.get(2)?, row.get(3)?)));
            let (key, counts) = read().map_err(&failed)?;
            stored.insert(key, counts);
        }
        Ok(audit.done(stored))
    }
}

fn cast(db: &Transaction<'_>, vote: &Vote, now: &str) -> rusqlite::Result<Ballot> {
    let Vote { page, voter, network, choice } = vote;
    let choice = choice.as_str();
    let before: Option<(String, bool)> = db
        .prepare_cached("SELECT choice, counted FROM ballot WHERE page = ?1 AND voter = ?2")?
        .query_row(params![page, voter], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let counted = match &before {
        // Who counted goes on counting; who did not cannot come to count by voting again.
        Some((_, counted)) => *counted,
        None => {
            let from_there: i64 = db
                .prepare_cached("SELECT COUNT(*) FROM ballot WHERE page = ?1 AND network = ?2 AND counted")?
                .query_row(params![page, network], |row| row.get(0))?;
            from_there < COUNTED_PER_NETWORK
        }
    };
    let last: Option<(i64, String)> = db
        .prepare_cached("SELECT seq, hash FROM vote ORDER BY seq DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (seq, previous) = last.map_or((1, FIRST.to_owned()), |(seq, hash)| (seq + 1, hash));
    let logged = Logged {
        seq,
        page: page.clone(),
        voter: voter.clone(),
        network: network.clone(),
        choice: choice.to_owned(),
        created: now.to_owned(),
        counted,
        previous,
        hash: String::new(),
    };
    db.prepare_cached("INSERT INTO vote VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?.execute(params![
        seq,
        page,
        voter,
        network,
        choice,
        now,
        counted,
        logged.previous,
        logged.expected()
    ])?;
    if let Some((old, counted)) = before {
        count(db, page, &old, -1, counted)?;
    }
    count(db, page, choice, 1, counted)?;
    db.prepare_cached(
        "INSERT INTO ballot(page, voter, network, choice, counted) VALUES(?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT(page, voter) DO UPDATE SET choice = excluded.choice",
    )?
    .execute(params![page, voter, network, choice, counted])?;
    Ok(Ballot { choice: choice.to_owned(), counted })
}

fn count(db: &Transaction<'_>, page: &str, choice: &str, by: i64, counted: bool) -> rusqlite::Result<()> {
    let if_counted = if counted { by } else { 0 };
    db.prepare_cached(
        "INSERT INTO tally(page, choice, raw, counted) VALUES(?1, ?2, ?3, ?4) \
         ON CONFLICT(page, choice) DO UPDATE SET raw = raw + excluded.raw, counted = counted + excluded.counted",
    )?
    .execute(params![page, choice, by, if_counted])
    .map(drop)
}

/// A line of the log.
struct Logged {
    seq: i64,
    page: String,
    voter: String,
    network: String,
    choice: String,
    created: String,
    counted: bool,
    previous: String,
    hash: String,
}

impl Logged {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Logged> {
        Ok(Logged {
            seq: row.get(0)?,
            page: row.get(1)?,
            voter: row.get(2)?,
            network: row.get(3)?,
            choice: row.get(4)?,
            created: row.get(5)?,
            counted: row.get(6)?,
            previous: row.get(7)?,
            hash: row.get(8)?,
        })
    }

    /// Over everything in the line; lengths stand before texts, so that no two lines run into the same bytes.
    fn expected(&self) -> String {
        let Logged { seq, page, voter, network, choice, created, counted, previous, hash: _ } = self;
        let texts = [page, voter, network, choice, created, previous];
        let joined: String = texts.iter().map(|text| format!("{}:{text}\n", text.len())).collect();
        sha256_hex(format!("{seq}\n{counted}\n{joined}").as_bytes())
    }
}

/// Follows the log from its first line.
#[derive(Default)]
struct Auditor {
    audit: Audit,
    last: Option<(i64, String)>,
    /// Page and voter: present choice, whether it counts, from where.
    ballots: HashMap<(String, String), (String, bool, String)>,
    /// Page and network: voters that count.
    counting: HashMap<(String, String), HashSet<String>>,
}

impl Auditor {
    fn take(&mut self, line: &Logged) {
        self.audit.votes += 1;
        let (seq, previous) = self.last.take().map_or((1, FIRST.to_owned()), |(seq, hash)| (seq + 1, hash));
        let place = (line.page.clone(), line.network.clone());
        let counting = self.counting.entry(place).or_default();
        let ballot = self.ballots.get(&(line.page.clone(), line.voter.clone()));
        let counts = ballot.map_or((counting.len() as i64) < COUNTED_PER_NETWORK, |(_, counts, _)| *counts);
        if counts && ballot.is_none() {
            counting.insert(line.voter.clone());
        }
        let is_whole =
            line.seq == seq && line.previous == previous && line.hash == line.expected() && line.counted == counts;
        if !is_whole && self.audit.broken_at.is_none() {
            self.audit.broken_at = Some(line.seq);
        }
        self.last = Some((line.seq, line.hash.clone()));
        self.ballots
            .entry((line.page.clone(), line.voter.clone()))
            .and_modify(|ballot| ballot.0.clone_from(&line.choice))
            .or_insert_with(|| (line.choice.clone(), counts, line.network.clone()));
    }

    fn done(self, mut stored: BTreeMap<(String, String), (i64, i64)>) -> Audit {
        let mut audit = self.audit;
        let mut counts: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
        let mut filtered: BTreeMap<(String, String), usize> = BTreeMap::new();
        for ((page, _), (choice, counted, network)) in self.ballots {
            let found = counts.entry((page.clone(), choice)).or_default();
            found.0 += 1;
            found.1 += i64::from(counted);
            if !counted {
                *filtered.entry((page, network)).or_default() += 1;
            }
        }
        stored.retain(|_, found| *found != (0, 0));
        let differing = counts.iter().filter(|(key, found)| stored.get(*key) != Some(*found)).map(|(key, _)| key);
        let surplus = stored.keys().filter(|key| !counts.contains_key(*key));
        let pages: std::collections::BTreeSet<&String> = differing.chain(surplus).map(|(page, _)| page).collect();
        audit.wrong_counts = pages.into_iter().cloned().collect();
        audit.filtered =
            filtered.into_iter().map(|((page, network), voters)| Filtered { page, network, voters }).collect();
        audit
    }
}
