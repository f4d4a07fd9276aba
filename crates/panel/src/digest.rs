//! Which verdicts changed lately, and which measurements changed with them.

use std::collections::HashMap;

use plimsoll_lab::record::{Comparison, Measurement, ModelRecord};
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

/// Verdicts from `since` on that differ from the one before on the same model, use and device, the latest first.
///
/// # Errors
/// When the store fails or evidence was changed.
pub fn digest_since(store: &Store, since: &str) -> Result<Digest, StoreError> {
    let mut last: HashMap<(String, String, String), Judged> = HashMap::new();
    let mut changed = Vec::new();
    for now in store.judged_since(since)? {
        let key = (now.model.clone(), now.usage.clone(), now.device.clone());
        let before = match last.insert(key, now.clone()) {
            Some(earlier) => Some(earlier),
            None => store.judged_before(&now, since)?,
        };
        if before.as_ref().is_none_or(|before| before.verdict != now.verdict) {
            changed.push((now, before));
        }
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

/// Measurements of the model whose intervals do not meet.
fn because(store: &Store, before: &Judged, now: &Judged) -> Result<Vec<String>, StoreError> {
    let (old, new) = (store.comparison(&before.comparison)?, store.comparison(&now.comparison)?);
    let (Some(old), Some(new)) = (side(store, before, &old)?, side(store, now, &new)?) else { return Ok(Vec::new()) };
    let (old, new) = (old.measurements(), new.measurements());
    let changed = new.iter().filter_map(|after| {
        let before = old.iter().find(|before| before.metric == after.metric)?;
        apart(before, after).then(|| format!("{}: {} was {}", after.metric, after.text(), before.text()))
    });
    Ok(changed.collect())
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
