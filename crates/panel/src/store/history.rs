//! What was compared and judged, and when: by when it was made, not by when it came here, for evidence travels.

use plimsoll_lab::record::SuiteFacts;
use rusqlite::{OptionalExtension, Row, params};
use serde::Serialize;
use serde_json::Value;

use super::records::{Kind, id_of};
use super::sitting::{Said, Sitting, json};
use super::{Store, StoreError, now};
use crate::report::Report;
use crate::rubric::Rubric;

/// A comparison in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Listed {
    /// Its id.
    pub comparison: String,
    /// The model measured as A: a catalogue's id, or a name made fit for addresses.
    pub a: String,
    /// The model measured as B.
    pub b: String,
    /// When it was finished, RFC 3339 in UTC.
    pub created: String,
}

/// A review in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Judged {
    /// The review's id.
    pub review: String,
    /// What it was made from.
    pub comparison: String,
    /// The model.
    pub model: String,
    /// The declared use.
    pub usage: String,
    /// The device.
    pub device: String,
    /// The verdict with its counts.
    pub verdict: String,
    /// When, RFC 3339 in UTC.
    pub created: String,
    /// Why the comparison was withdrawn, if it was.
    pub withdrawn: Option<String>,
}

const JUDGED: &str = "SELECT review, comparison, model, usage, device, verdict, created, \
     (SELECT reason FROM tombstone WHERE id = comparison) FROM judged";

impl Store {
    /// Keeps a comparison, what the panel said of it, and the rubric that it judged by. Returns the comparison's id.
    ///
    /// # Errors
    /// When the store fails; what was kept then is whole.
    pub fn keep_report(&mut self, report: &Report, rubric: &Rubric) -> Result<String, StoreError> {
        let comparison = self.keep_as(&report.comparison, &report.ids())?;
        let id = |kind, body: &Value| id_of(kind, body).expect("only a measurement's id can fail");
        let text = Value::from(rubric.text.as_str());
        let said = Said { reviews: report.judgement.reviews.clone(), backgrounds: report.background.clone() };
        let (reviews, known) = (said.reviews.each_ref().map(json), said.backgrounds.each_ref().map(json));
        let sitting = Sitting {
            comparison: comparison.clone(),
            reviews: reviews.each_ref().map(|body| id(Kind::Review, body)),
            backgrounds: known.each_ref().map(|body| id(Kind::Background, body)),
            created: now(),
        };
        let body = json(&sitting);
        let sitting_id = id(Kind::Sitting, &body);
        self.change(|store| {
            store.put(&id(Kind::Rubric, &text), Kind::Rubric, &text)?;
            for side in [0, 1] {
                store.put(&sitting.backgrounds[side], Kind::Background, &known[side])?;
                store.put(&sitting.reviews[side], Kind::Review, &reviews[side])?;
            }
            store.put(&sitting_id, Kind::Sitting, &body)?;
            store.seat(&sitting.seats(&sitting_id, &said, &report.comparison))
        })?;
        Ok(comparison)
    }

    /// The latest comparisons, withdrawn ones left out, at most `most`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn comparisons(&self, most: usize) -> Result<Vec<Listed>, StoreError> {
        self.listed("ORDER BY created DESC LIMIT ?1", params![most as i64])
    }

    /// The latest comparison of two models, whichever of them was A.
    ///
    /// # Errors
    /// When the store fails.
    pub fn latest_of(&self, a: &str, b: &str) -> Result<Option<Listed>, StoreError> {
        let found = self
            .listed("AND ((a = ?1 AND b = ?2) OR (a = ?2 AND b = ?1)) ORDER BY created DESC LIMIT 1", params![a, b])?;
        Ok(found.into_iter().next())
    }

    /// The latest comparisons that a model was in, at most `most`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn comparisons_with(&self, model: &str, most: usize) -> Result<Vec<Listed>, StoreError> {
        self.listed("AND (a = ?1 OR b = ?1) ORDER BY created DESC LIMIT ?2", params![model, most as i64])
    }

    /// The comparison of this id in the list.
    ///
    /// # Errors
    /// When the store fails.
    pub fn listed_as(&self, comparison: &str) -> Result<Option<Listed>, StoreError> {
        Ok(self.listed("AND comparison = ?1", params![comparison])?.into_iter().next())
    }

    fn listed(&self, which: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Listed>, StoreError> {
        let failed = self.failed();
        let sql = format!(
            "SELECT comparison, a, b, created FROM compared \
             WHERE NOT EXISTS (SELECT 1 FROM tombstone WHERE id = comparison) {which}"
        );
        let mut find = self.db.prepare_cached(&sql).map_err(&failed)?;
        let rows = find.query_map(params, |row| {
            Ok(Listed { comparison: row.get(0)?, a: row.get(1)?, b: row.get(2)?, created: row.get(3)? })
        });
        rows.and_then(Iterator::collect).map_err(&failed)
    }

    /// What the panel said of a model, or of all, the latest first, at most `most`.
    ///
    /// # Errors
    /// When the store fails.
    pub fn history(&self, model: Option<&str>, most: usize) -> Result<Vec<Judged>, StoreError> {
        match model {
            Some(model) => {
                self.judged("WHERE model = ?1 ORDER BY created DESC, seq DESC LIMIT ?2", params![model, most as i64])
            }
            None => self.judged("ORDER BY created DESC, seq DESC LIMIT ?1", params![most as i64]),
        }
    }

    /// What the panel said from `since` on, the earliest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn judged_since(&self, since: &str) -> Result<Vec<Judged>, StoreError> {
        self.judged("WHERE created >= ?1 ORDER BY created, seq", params![since])
    }

    /// What was said of the same model, use and device before `since`, the earliest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn judged_before(&self, like: &Judged, since: &str) -> Result<Vec<Judged>, StoreError> {
        let which = "WHERE model = ?1 AND usage = ?2 AND device = ?3 AND created < ?4 ORDER BY created, seq";
        self.judged(which, params![like.model, like.usage, like.device, since])
    }

    /// Which questions a comparison asked, as its records say and nobody checked; `None` where they do not.
    ///
    /// # Errors
    /// When the store fails.
    pub fn questions_of(&self, comparison: &str) -> Result<Option<SuiteFacts>, StoreError> {
        let Some(record) = self.record_unchecked(comparison)? else { return Ok(None) };
        let suite = record.body.get("suite").and_then(super::parts::reference);
        let suite = suite.map(|id| self.record_unchecked(id)).transpose()?.flatten();
        Ok(suite.and_then(|suite| serde_json::from_value(suite.body).ok()))
    }

    fn judged(&self, which: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Judged>, StoreError> {
        let failed = self.failed();
        let mut find = self.db.prepare_cached(&format!("{JUDGED} {which}")).map_err(&failed)?;
        let rows = find.query_map(params, judged_row);
        rows.and_then(Iterator::collect).map_err(&failed)
    }

    /// The text of the rubric with this SHA-256.
    ///
    /// # Errors
    /// When the store fails.
    pub fn rubric_text(&self, sha256: &str) -> Result<Option<String>, StoreError> {
        let failed = self.failed();
        let ids: Option<Vec<String>> = self
            .db
            .prepare("SELECT id FROM record WHERE kind = 'rubric'")
            .and_then(|mut find| find.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>())
            .optional()
            .map_err(&failed)?;
        for id in ids.unwrap_or_default() {
            // The text's own hash decides: one that was changed is not the one that was asked for.
            let text = self.record_unchecked(&id)?.and_then(|record| record.body.as_str().map(str::to_owned));
            if let Some(text) = text.filter(|text| plimsoll_lab::hash::sha256_hex(text.as_bytes()) == sha256) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }
}

fn judged_row(row: &Row<'_>) -> rusqlite::Result<Judged> {
    Ok(Judged {
        review: row.get(0)?,
        comparison: row.get(1)?,
        model: row.get(2)?,
        usage: row.get(3)?,
        device: row.get(4)?,
        verdict: row.get(5)?,
        created: row.get(6)?,
        withdrawn: row.get(7)?,
    })
}
