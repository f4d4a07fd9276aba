//! Whether a comparison in the store, and what the panel said of it, is what it was when it was kept.

use std::collections::BTreeMap;

use plimsoll_lab::record::Comparison;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::parts::{DEEPEST, fill};
use super::records::Kind;
use super::sitting::Sitting;
use super::{Store, StoreError};
use crate::judge::{Background, Fault, Judgement, Review, check_comparison, check_judgement};
use crate::rubric::Rubric;

/// What came of checking a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Its id.
    pub comparison: String,
    /// Names that its page is found by.
    pub models: [String; 2],
    /// Records that it and its reviews rest on, each held against its hash.
    pub records: usize,
    /// Times that the panel judged it, each held against the evidence.
    pub judgements: usize,
    /// What does not hold, in words.
    pub faults: Vec<String>,
}

impl Checked {
    /// Whether everything holds.
    pub fn passed(&self) -> bool {
        self.faults.is_empty()
    }
}

impl Store {
    /// Ids of every comparison, withdrawn ones too, the earliest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn all_comparisons(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.compared_for(&[])?.into_iter().map(|row| row.comparison).collect())
    }

    /// Holds every record of a comparison against its hash, and every review of it against the evidence and the rubric
    /// that it was made by: one kept here, one of `rubrics`, or the one inside. All faults are told, not only the first.
    ///
    /// # Errors
    /// When there is no such comparison, or the store fails.
    pub fn check(&self, comparison: &str, rubrics: &[Rubric]) -> Result<Checked, StoreError> {
        let row = self.compared_for(&[comparison.to_owned()])?.remove(0);
        let mut reader = Reader { store: self, read: BTreeMap::new(), faults: Vec::new() };
        let whole: Option<Comparison> = reader.read_as(comparison, "comparison")?;
        let sittings = match self.sittings(comparison) {
            Ok(sittings) => sittings,
            Err(error @ StoreError::Tampered { .. }) => {
                reader.fault(error.to_string());
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        for fault in whole.iter().flat_map(check_comparison) {
            reader.fault(fault.to_string());
        }
        for sitting in &sittings {
            reader.judged(sitting, whole.as_ref(), rubrics)?;
        }
        let (records, faults) = (reader.read.len(), reader.faults);
        Ok(Checked { comparison: row.comparison, models: [row.a, row.b], records, judgements: sittings.len(), faults })
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
    read: BTreeMap<String, Value>,
    faults: Vec<String>,
}

impl Reader<'_> {
    /// What several things rest on is told once.
    fn fault(&mut self, about: String) {
        if !self.faults.contains(&about) {
            self.faults.push(about);
        }
    }

    fn record(&mut self, id: &str) -> Result<Value, StoreError> {
        if let Some(body) = self.read.get(id) {
            return Ok(body.clone());
        }
        let record = match self.store.record_unchecked(id) {
            Ok(Some(record)) => record,
            Ok(None) => {
                self.fault(StoreError::Missing { id: id.to_owned() }.to_string());
                return Ok(Value::Null);
            }
            Err(error @ StoreError::Tampered { .. }) => {
                self.fault(error.to_string());
                return Ok(Value::Null);
            }
            Err(error) => return Err(error),
        };
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
        self.read.insert(id.to_owned(), record.body.clone());
        Ok(record.body)
    }

    fn whole(&mut self, id: &str, depth: usize) -> Result<Value, StoreError> {
        if depth > DEEPEST {
            self.fault(format!("record {id}: records stand in each other without end"));
            return Ok(Value::Null);
        }
        let mut body = self.record(id)?;
        fill(&mut body, &mut |id| self.whole(id, depth + 1))?;
        Ok(body)
    }

    fn read_as<T: DeserializeOwned>(&mut self, id: &str, what: &str) -> Result<Option<T>, StoreError> {
        let found = serde_json::from_value(self.whole(id, 0)?);
        found.map(Some).or_else(|error| {
            self.fault(format!("{what} {id} cannot be put together: {error}"));
            Ok(None)
        })
    }

    /// Holds both reviews of one sitting against the evidence.
    fn judged(&mut self, sitting: &Sitting, whole: Option<&Comparison>, rubrics: &[Rubric]) -> Result<(), StoreError> {
        let [a, b] = &sitting.reviews;
        let reviews: [Option<Review>; 2] = [self.read_as(a, "review")?, self.read_as(b, "review")?];
        let [a, b] = &sitting.backgrounds;
        let known: [Option<Background>; 2] = [self.read_as(a, "background")?, self.read_as(b, "background")?];
        let (Some(comparison), [Some(a), Some(b)], [Some(of_a), Some(of_b)]) = (whole, reviews, known) else {
            return Ok(());
        };
        let sha256 = a.rubric.clone();
        let Some(rubric) = self.store.rubric(&sha256, rubrics)? else {
            self.fault(format!("the rubric {sha256} that it was judged by is not at hand"));
            return Ok(());
        };
        let judgement = Judgement::of_reviews(comparison, [a, b]);
        for fault in check_judgement(&judgement, comparison, [&of_a, &of_b], &rubric) {
            self.fault(fault.to_string());
        }
        Ok(())
    }
}
