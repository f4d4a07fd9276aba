//! Whether a comparison in the store, and what the panel said of it, is what it was when it was kept.

use std::collections::BTreeMap;

use plimsoll_lab::moment;
use plimsoll_lab::record::Comparison;
use rusqlite::params;
use serde::Serialize;

use super::parts::{assembled, names_by_files, taken_apart};
use super::records::{Kind, Record};
use super::sitting::{Said, Seat, Sitting};
use super::{Store, StoreError};
use crate::judge::{Fault, Judgement, check_comparison, check_judgement, unmarked};
use crate::known::{background_doubts, background_notes};
use crate::report::names;
use crate::rubric::Rubric;

/// What came of checking a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its id.
    pub comparison: String,
    /// Names that its page is found by.
    pub models: [String; 2],
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<String>,
    /// Records that it and its reviews rest on, each held against its hash.
    pub records: usize,
    /// Times that the panel judged it, each held against the evidence.
    pub judgements: usize,
    /// What does not hold, in words.
    pub faults: Vec<String>,
    /// How many marks were not made again, and why, in a sentence; absent where all were.
    pub unmarked: Option<String>,
    /// What of what was known of its models besides this program knows otherwise, or not at all, in sentences; no verdict
    /// rests on it, or nothing can be held against it.
    pub differing: Vec<String>,
}

impl Checked {
    /// Whether everything holds.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

/// A comparison in the list, with the pair of names that its page is found by.
pub(super) struct Compared {
    pub comparison: String,
    pub a: String,
    pub b: String,
    pub created: String,
}

impl Store {
    /// Ids of every comparison, withdrawn ones too, the earliest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn all_comparisons(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.compared_for(&[])?.into_iter().map(|row| row.comparison).collect())
    }

    /// The comparisons of these ids, or all, withdrawn ones too.
    pub(super) fn compared_for(&self, ids: &[String]) -> Result<Vec<Compared>, StoreError> {
        let failed = self.failed();
        let mut find =
            self.db.prepare("SELECT comparison, a, b, created FROM compared ORDER BY created").map_err(&failed)?;
        let rows = find.query_map([], |row| {
            Ok(Compared { comparison: row.get(0)?, a: row.get(1)?, b: row.get(2)?, created: row.get(3)? })
        });
        let mut all: Vec<Compared> = rows.and_then(Iterator::collect).map_err(&failed)?;
        if let Some(id) = ids.iter().find(|id| !all.iter().any(|row| row.comparison == **id)) {
            return Err(StoreError::Missing { id: id.clone() });
        }
        all.retain(|row| ids.is_empty() || ids.contains(&row.comparison));
        Ok(all)
    }

    /// Holds every record of a comparison against its hash, what is listed of it against its records, and every review of it
    /// against the evidence and the rubric that it was made by: one kept here, one of `rubrics`, or the one inside. All faults
    /// are told, not only the first. That everything holds does not tell who measured: whoever makes up samples can make
    /// everything else fit them.
    ///
    /// # Errors
    /// When there is no such comparison, or the store fails.
    pub fn check(&self, comparison: &str, rubrics: &[Rubric]) -> Result<Checked, StoreError> {
        let row = self.compared_for(&[comparison.to_owned()])?.remove(0);
        let mut reader = Reader { store: self, read: BTreeMap::new(), faults: Vec::new(), differing: Vec::new() };
        let whole = assembled(comparison, &mut |id| reader.record(id));
        let whole = reader.told(whole)?;
        let seats = self.seats(comparison);
        let seats = reader.told(seats)?.unwrap_or_default();
        let mut names = Vec::new();
        if let Some(whole) = &whole {
            reader.compared(&row, whole);
            names.push(names_by_files(whole));
            for seats in &seats {
                names.extend(reader.judged(seats, whole, rubrics)?);
            }
            // Not only the latest: a card that came later gives a model another name.
            if !names.iter().any(|names| *names == [row.a.as_str(), &row.b]) {
                let [a, b] = names.last().expect("files give names");
                let (listed, also) = (&row.a, &row.b);
                reader.fault(format!("the list calls its models {listed} and {also}, and its records {a} and {b}"));
            }
        }
        let withdrawn = reader.read.get(comparison).and_then(|record| record.withdrawn.clone());
        let (models, records, judgements) = ([row.a, row.b], reader.read.len(), seats.len());
        let Reader { faults, differing, .. } = reader;
        let unmarked = whole.as_ref().and_then(unmarked);
        Ok(Checked { comparison: row.comparison, models, withdrawn, records, judgements, faults, unmarked, differing })
    }

    /// What is kept and not listed, or listed and not kept: what [`Store::check`] of every comparison would not come upon.
    ///
    /// # Errors
    /// When the store fails.
    pub fn check_lists(&self) -> Result<Vec<String>, StoreError> {
        let failed = self.failed();
        let ids = |sql: &str, kind: &str| -> Result<Vec<String>, StoreError> {
            let mut find = self.db.prepare(sql).map_err(&failed)?;
            let rows = find.query_map(params![kind], |row| row.get(0));
            rows.and_then(Iterator::collect).map_err(&failed)
        };
        let unlisted = "SELECT id FROM record WHERE kind = ?1 AND id NOT IN (SELECT comparison FROM compared)";
        let unseated = "SELECT id FROM record WHERE kind = ?1 AND id NOT IN \
                        (SELECT sitting FROM judged WHERE sitting IS NOT NULL)";
        let of_none = "SELECT DISTINCT comparison FROM judged WHERE comparison NOT IN \
                       (SELECT id FROM record WHERE kind = ?1)";
        let mut faults = Vec::new();
        for id in ids(unlisted, Kind::Comparison.as_str())? {
            faults.push(format!("comparison {id} is kept, and was taken out of the list"));
        }
        for id in ids(unseated, Kind::Sitting.as_str())? {
            faults.push(format!("what the panel said (record {id}) is kept, and was taken out of the list"));
        }
        for id in ids(of_none, Kind::Comparison.as_str())? {
            faults.push(format!("the panel is said to have judged {id}, which is no comparison that is kept"));
        }
        Ok(faults)
    }

    /// The rubric with this SHA-256: one of those given, the one kept here, or the one inside.
    ///
    /// # Errors
    /// When the store fails.
    pub fn rubric(&self, sha256: &str, given: &[Rubric]) -> Result<Option<Rubric>, StoreError> {
        if let Some(rubric) = Rubric::at_hand(sha256, given) {
            return Ok(Some(rubric));
        }
        // A text that is no rubric any more cannot have this hash and have judged.
        Ok(self.rubric_text(sha256)?.and_then(|text| Rubric::parse("kept in the store", &text).ok()))
    }
}

/// Reads records whether or not they are intact, and notes what is wrong with them.
struct Reader<'a> {
    store: &'a Store,
    read: BTreeMap<String, Record>,
    faults: Vec<String>,
    differing: Vec<String>,
}

impl Reader<'_> {
    /// What several things rest on is told once.
    fn fault(&mut self, about: String) {
        if !self.faults.contains(&about) {
            self.faults.push(about);
        }
    }

    /// What was found, or nothing where what is wrong with it is noted.
    fn told<T>(&mut self, found: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(
                error @ (StoreError::Tampered { .. }
                | StoreError::Unfit { .. }
                | StoreError::TooLarge { .. }
                | StoreError::Missing { .. }),
            ) => {
                self.fault(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn record(&mut self, id: &str) -> Result<Record, StoreError> {
        if let Some(record) = self.read.get(id) {
            return Ok(record.clone());
        }
        let found = self.store.record_unchecked(id)?;
        let record = found.ok_or_else(|| StoreError::Missing { id: id.to_owned() })?;
        if let Err(error) = record.check() {
            let text = |key: &str| record.body[key].as_str().unwrap_or("?").to_owned();
            let about = match record.kind {
                // In the words of the panel's own checker, which finds the same.
                Kind::Measurement => {
                    let metric = format!("{} of {}", text("metric"), text("subject"));
                    Fault::Changed { id: id.to_owned(), metric }.to_string()
                }
                _ => error.to_string(),
            };
            self.fault(about);
        }
        self.read.insert(id.to_owned(), record.clone());
        Ok(record)
    }

    /// Holds a comparison against itself, and what is listed of it against it.
    fn compared(&mut self, row: &Compared, whole: &Comparison) {
        // Whatever was changed is told by its own name.
        let is_intact = self.faults.is_empty();
        for fault in check_comparison(whole) {
            self.fault(fault.to_string());
        }
        if is_intact && self.faults.is_empty() && taken_apart(whole).last().is_none_or(|part| part.0 != row.comparison)
        {
            self.fault(format!("comparison {}: read and written again it is another record", row.comparison));
        }
        if row.created != whole.created {
            let (listed, created) = (&row.created, &whole.created);
            self.fault(format!("the list says that it was finished at {listed}, and its record {created}"));
        }
    }

    /// Holds both reviews of one sitting against the evidence, and what is listed of them against their records. Gives the
    /// names that the models have by what was known then.
    fn judged(
        &mut self,
        listed: &[Seat; 2],
        whole: &Comparison,
        rubrics: &[Rubric],
    ) -> Result<Option<[String; 2]>, StoreError> {
        let Some(id) = listed[0].sitting.clone() else {
            let created = &listed[0].created;
            self.fault(format!("what the panel said at {created} was kept by an earlier version: judge it again"));
            return Ok(None);
        };
        let sitting = self.record(&id).and_then(|record| record.content::<Sitting>());
        let Some(sitting) = self.told(sitting)? else { return Ok(None) };
        let said = sitting.said(&mut |id| self.record(id));
        let Some(said) = self.told(said)? else { return Ok(None) };
        let expected = sitting.seats(&id, &said, whole);
        for (listed, expected) in listed.iter().zip(&expected) {
            for (what, listed, expected) in listed.differing(expected) {
                self.fault(format!("the list says {what} {listed} of a review, and its records {expected}"));
            }
        }
        if let Some(doubt) = moment::doubt(&sitting.created) {
            self.fault(format!("when it was judged: {doubt}"));
        }
        if sitting.created < whole.created {
            let (judged, finished) = (&sitting.created, &whole.created);
            self.fault(format!("it was judged at {judged}, before it was finished at {finished}"));
        }
        if !said.is_of(&sitting) {
            self.fault(format!("record {id}: what it rests on, read and written again, is another record"));
        }
        let Said { reviews, backgrounds } = said;
        for doubt in background_doubts(whole, backgrounds.each_ref()) {
            self.fault(doubt);
        }
        for note in background_notes(backgrounds.each_ref()) {
            if !self.differing.contains(&note) {
                self.differing.push(note);
            }
        }
        let names = names(whole, backgrounds.each_ref());
        let sha256 = reviews[0].rubric.clone();
        let Some(rubric) = self.store.rubric(&sha256, rubrics)? else {
            self.fault(format!("the rubric {sha256} that it was judged by is not at hand"));
            return Ok(Some(names));
        };
        let judgement = Judgement::of_reviews(whole, reviews);
        for fault in check_judgement(&judgement, whole, backgrounds.each_ref(), &rubric) {
            self.fault(fault.to_string());
        }
        Ok(Some(names))
    }
}
