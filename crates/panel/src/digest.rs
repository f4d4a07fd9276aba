//! Which verdicts changed lately, and which measurements changed with them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use plimsoll_lab::record::{Comparison, Measurement, ModelRecord, SuiteFacts};
use serde::Serialize;

use crate::pages::Change;
use crate::store::{Judged, Store, StoreError, hours_ago};

/// Seven days before now, RFC 3339 in UTC.
pub fn week_ago() -> String {
    hours_ago(24 * 7)
}

/// Changed verdicts that a digest tells one by one; of the others it says how many there are.
const TOLD: usize = 50;

/// A week's changed verdicts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Digest {
    /// The latest, at most fifty.
    pub changes: Vec<Change>,
    /// How many there are in all.
    pub total: usize,
}

impl Digest {
    /// How many are not among [`Digest::changes`].
    pub fn untold(&self) -> usize {
        self.total - self.changes.len()
    }
}

/// Verdicts from `since` on that differ from the one before on the same model, use and device, the latest first. Where there
/// is one over the same questions, that is the one before: other questions are answered otherwise by the same model.
///
/// # Errors
/// When the store fails or evidence was changed.
pub fn digest_since(store: &Store, since: &str) -> Result<Digest, StoreError> {
    let mut asked = Asked { store, known: HashMap::new() };
    let mut earlier: HashMap<(String, String, String), Vec<Judged>> = HashMap::new();
    let mut changed = Vec::new();
    for now in store.judged_since(since)? {
        let all = match earlier.entry((now.model.clone(), now.usage.clone(), now.device.clone())) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(store.judged_before(&now, since)?),
        };
        let before = asked.last_like(&now, all)?;
        if before.as_ref().is_none_or(|before| before.verdict != now.verdict) {
            changed.push((now.clone(), before));
        }
        all.push(now);
    }
    let total = changed.len();
    let told = changed.into_iter().rev().take(TOLD);
    let changes = told.map(|(now, before)| {
        let because = match &before {
            Some(before) => because(store, before, &now)?,
            None => Vec::new(),
        };
        Ok(Change { now, before, because })
    });
    Ok(Digest { changes: changes.collect::<Result<_, StoreError>>()?, total })
}

/// Which questions comparisons asked.
struct Asked<'a> {
    store: &'a Store,
    /// The suite's hash by the comparison's id.
    known: HashMap<String, Option<String>>,
}

impl Asked<'_> {
    /// The last of `earlier`, which are in the order of time, over the questions of `now`; without one the last of all.
    fn last_like(&mut self, now: &Judged, earlier: &[Judged]) -> Result<Option<Judged>, StoreError> {
        let questions = self.in_(&now.comparison)?;
        for before in earlier.iter().rev() {
            if self.in_(&before.comparison)? == questions {
                return Ok(Some(before.clone()));
            }
        }
        Ok(earlier.last().cloned())
    }

    fn in_(&mut self, comparison: &str) -> Result<Option<String>, StoreError> {
        if let Some(known) = self.known.get(comparison) {
            return Ok(known.clone());
        }
        let found = self.store.questions_of(comparison)?.map(|suite| suite.id);
        self.known.insert(comparison.to_owned(), found.clone());
        Ok(found)
    }
}

/// Measurements of the model whose intervals do not meet; of other questions that they are others, for what is measured by
/// them says nothing of a change then.
fn because(store: &Store, before: &Judged, now: &Judged) -> Result<Vec<String>, StoreError> {
    let (old, new) = (store.comparison(&before.comparison)?, store.comparison(&now.comparison)?);
    let same_questions = old.suite.id == new.suite.id;
    let mut all = Vec::new();
    if !same_questions {
        all.push(format!("other questions: {}; before: {}", asked_of(&new.suite), asked_of(&old.suite)));
    }
    let (Some(old), Some(new)) = (side(store, before, &old)?, side(store, now, &new)?) else { return Ok(all) };
    let by_questions: Vec<&str> = new.quality.measurements().iter().map(|one| one.metric.as_str()).collect();
    let (old, new) = (old.measurements(), new.measurements());
    let told = new.iter().filter(|after| same_questions || !by_questions.contains(&after.metric.as_str()));
    all.extend(told.filter_map(|after| {
        let before = old.iter().find(|before| before.metric == after.metric)?;
        apart(before, after).then(|| format!("{}: {} was {}", after.metric, after.text(), before.text()))
    }));
    Ok(all)
}

/// Questions as they are told apart in lists: two suites of one name differ in the seed, the number or the rules.
pub fn asked_of(suite: &SuiteFacts) -> String {
    let seed = if suite.sources.is_empty() { format!(", seed {}", suite.seed) } else { String::new() };
    let short = suite.id.get(..8).unwrap_or(&suite.id);
    format!("{}{seed} (n = {}, {short})", suite.words(), suite.n)
}

/// The model in a comparison that a verdict is on.
fn side<'a>(store: &Store, judged: &Judged, comparison: &'a Comparison) -> Result<Option<&'a ModelRecord>, StoreError> {
    let listed = store.listed_as(&judged.comparison)?;
    Ok(listed.and_then(|listed| match &judged.model {
        model if *model == listed.a => Some(&comparison.models[0]),
        model if *model == listed.b => Some(&comparison.models[1]),
        _ => None,
    }))
}

fn apart(before: &Measurement, after: &Measurement) -> bool {
    match (before.interval, after.interval) {
        (Some(before), Some(after)) => before.high < after.low || after.high < before.low,
        _ => false,
    }
}
