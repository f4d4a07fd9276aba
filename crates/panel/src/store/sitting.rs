//! Both reviews of a comparison as they were made together, and the report put together again from them.

use rusqlite::params;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Store, StoreError};
use crate::judge::{Background, Judgement, Review};
use crate::report::Report;

/// What the panel said of both models of a comparison at one time, by the ids of its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sitting {
    /// What was judged.
    pub comparison: String,
    /// Of model A and model B.
    pub reviews: [String; 2],
    /// What was known of each besides the comparison.
    pub backgrounds: [String; 2],
    /// Names that pages are found by.
    pub models: [String; 2],
    /// When, RFC 3339 in UTC.
    pub created: String,
}

impl Store {
    /// The latest report of a comparison, put together from what was kept; `None` where the panel never judged it.
    /// Which model to ship is not kept: it follows from the reviews.
    ///
    /// # Errors
    /// When the comparison is not there, or any record that the report rests on was changed, which is named.
    pub fn report(&self, comparison: &str) -> Result<Option<Report>, StoreError> {
        let whole = self.comparison(comparison)?;
        let Some(sitting) = self.sittings(comparison)?.pop() else { return Ok(None) };
        let [a, b] = &sitting.reviews;
        let reviews: [Review; 2] = [self.content(a)?, self.content(b)?];
        let [a, b] = &sitting.backgrounds;
        let background: [Background; 2] = [self.content(a)?, self.content(b)?];
        let judgement = Judgement::of_reviews(&whole, reviews);
        Ok(Some(Report { comparison: whole, background, judgement }))
    }

    /// Every time that the panel judged a comparison, the earliest first.
    ///
    /// # Errors
    /// When the store fails, or only one of two reviews is there.
    pub(super) fn sittings(&self, comparison: &str) -> Result<Vec<Sitting>, StoreError> {
        let failed = self.failed();
        let mut find = self
            .db
            .prepare_cached("SELECT review, background, model, created FROM judged WHERE comparison = ?1 ORDER BY seq")
            .map_err(&failed)?;
        let rows = find.query_map(params![comparison], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]));
        let rows: Vec<[String; 4]> = rows.and_then(Iterator::collect).map_err(&failed)?;
        // Both reviews are written in one transaction, A's first, so that they stand side by side.
        let pairs = rows.chunks(2).map(|pair| match pair {
            [a, b] => {
                let both = |at: usize| [a[at].clone(), b[at].clone()];
                let (reviews, backgrounds, models) = (both(0), both(1), both(2));
                let comparison = comparison.to_owned();
                Ok(Sitting { comparison, reviews, backgrounds, models, created: a[3].clone() })
            }
            _ => Err(StoreError::Tampered {
                id: comparison.to_owned(),
                kind: "comparison",
                about: "the review of one of its models is gone".to_owned(),
            }),
        });
        pairs.collect()
    }

    fn content<T: DeserializeOwned>(&self, id: &str) -> Result<T, StoreError> {
        let record = self.record(id)?.ok_or_else(|| StoreError::Missing { id: id.to_owned() })?;
        let tampered = |error: serde_json::Error| StoreError::Tampered {
            id: id.to_owned(),
            kind: record.kind.as_str(),
            about: error.to_string(),
        };
        serde_json::from_value(record.body).map_err(tampered)
    }
}

/// Makes reviews findable by their models. What was wanted, the device and the verdict in the list are those of the review.
pub(super) fn seat(db: &rusqlite::Transaction<'_>, sitting: &Sitting, reviews: [&Review; 2]) -> rusqlite::Result<()> {
    let known = "SELECT COUNT(*) FROM judged WHERE comparison = ?1 AND review = ?2 AND created = ?3";
    let known: i64 =
        db.query_row(known, params![sitting.comparison, sitting.reviews[0], sitting.created], |row| row.get(0))?;
    if known > 0 {
        return Ok(());
    }
    for (side, review) in reviews.into_iter().enumerate() {
        db.execute(
            "INSERT INTO judged(review, comparison, background, model, usage, device, verdict, created) \
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                sitting.reviews[side],
                sitting.comparison,
                sitting.backgrounds[side],
                sitting.models[side],
                review.wanted(),
                review.device,
                review.verdict.to_string(),
                sitting.created
            ],
        )?;
    }
    Ok(())
}

/// A value as it is kept.
pub(super) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("records hold only strings, numbers and lists")
}
