//! Both reviews of a comparison as they were made together, and the report put together again from them.

use plimsoll_lab::record::Comparison;
use rusqlite::params;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::records::{Kind, Record, id_of};
use super::{Store, StoreError};
use crate::judge::{Background, Judgement, Review};
use crate::report::{Report, names};

/// What the panel said of both models of a comparison at one time, by the ids of its records; a record itself, so that an
/// id hangs on the time as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sitting {
    /// What was judged.
    pub comparison: String,
    /// Of model A and model B.
    pub reviews: [String; 2],
    /// What was known of each besides the comparison.
    pub backgrounds: [String; 2],
    /// When, RFC 3339 in UTC.
    pub created: String,
}

/// A sitting with what its records say.
pub(super) struct Said {
    pub reviews: [Review; 2],
    pub backgrounds: [Background; 2],
}

impl Said {
    /// Whether the records of `sitting` say this and no more.
    pub fn is_of(&self, sitting: &Sitting) -> bool {
        let is = |id: &String, kind, body: Value| id_of(kind, &body).is_ok_and(|again| again == *id);
        let mut reviews = sitting.reviews.iter().zip(&self.reviews);
        let mut backgrounds = sitting.backgrounds.iter().zip(&self.backgrounds);
        reviews.all(|(id, review)| is(id, Kind::Review, json(review)))
            && backgrounds.all(|(id, known)| is(id, Kind::Background, json(known)))
    }
}

/// A line of the list of what was judged: one of the two of a sitting.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seat {
    pub review: String,
    pub comparison: String,
    pub background: String,
    pub model: String,
    pub usage: String,
    pub device: String,
    pub verdict: String,
    pub created: String,
    /// The record of the sitting; earlier versions kept none.
    pub sitting: Option<String>,
}

impl Seat {
    /// What it says otherwise than `other`: the column, and both.
    pub fn differing<'a>(&'a self, other: &'a Seat) -> Vec<(&'static str, &'a str, &'a str)> {
        let both = self.columns().into_iter().zip(other.columns());
        both.filter(|((_, one), (_, other))| one != other).map(|((what, one), (_, other))| (what, one, other)).collect()
    }

    fn columns(&self) -> [(&'static str, &str); 9] {
        [
            ("review", &self.review),
            ("comparison", &self.comparison),
            ("background", &self.background),
            ("model", &self.model),
            ("use", &self.usage),
            ("device", &self.device),
            ("verdict", &self.verdict),
            ("time", &self.created),
            ("record", self.sitting.as_deref().unwrap_or("none")),
        ]
    }
}

impl Sitting {
    /// What its records say.
    ///
    /// # Errors
    /// One of them is not what its kind is.
    pub fn said(&self, read: &mut dyn FnMut(&str) -> Result<Record, StoreError>) -> Result<Said, StoreError> {
        let mut of_kind = |id: &str, kind: Kind| {
            let record = read(id)?;
            let about = format!("it is a {}", record.kind.as_str());
            if record.kind == kind { Ok(record) } else { Err(record.unfit(about, kind)) }
        };
        let [a, b] = &self.reviews;
        let reviews = [of_kind(a, Kind::Review)?.content()?, of_kind(b, Kind::Review)?.content()?];
        let [a, b] = &self.backgrounds;
        let backgrounds = [of_kind(a, Kind::Background)?.content()?, of_kind(b, Kind::Background)?.content()?];
        Ok(Said { reviews, backgrounds })
    }

    /// Its lines in the list, A's first, which follow from what its records say.
    pub fn seats(&self, id: &str, said: &Said, comparison: &Comparison) -> [Seat; 2] {
        let names = names(comparison, said.backgrounds.each_ref());
        [0, 1].map(|side| {
            let review = &said.reviews[side];
            Seat {
                review: self.reviews[side].clone(),
                comparison: self.comparison.clone(),
                background: self.backgrounds[side].clone(),
                model: names[side].clone(),
                usage: review.wanted(),
                device: review.device.clone().unwrap_or_default(),
                verdict: review.verdict.to_string(),
                created: self.created.clone(),
                sitting: Some(id.to_owned()),
            }
        })
    }

    /// As two lines of the list have it.
    fn listed(seats: &[Seat; 2]) -> Sitting {
        Sitting {
            comparison: seats[0].comparison.clone(),
            reviews: seats.each_ref().map(|seat| seat.review.clone()),
            backgrounds: seats.each_ref().map(|seat| seat.background.clone()),
            created: seats[0].created.clone(),
        }
    }
}

impl Store {
    /// The latest report of a comparison, put together from what was kept; `None` where the panel never judged it.
    /// Which model to ship is not kept: it follows from the reviews.
    ///
    /// # Errors
    /// When the comparison is not there, or any record that the report rests on was changed, which is named.
    pub fn report(&self, comparison: &str) -> Result<Option<Report>, StoreError> {
        let whole = self.comparison(comparison)?;
        let Some(seats) = self.seats(comparison)?.pop() else { return Ok(None) };
        let mut read = |id: &str| self.record(id)?.ok_or_else(|| StoreError::Missing { id: id.to_owned() });
        let Said { reviews, backgrounds } = Sitting::listed(&seats).said(&mut read)?;
        let judgement = Judgement::of_reviews(&whole, reviews);
        Ok(Some(Report { comparison: whole, background: backgrounds, judgement }))
    }

    /// Every time that the panel judged a comparison, as it is listed, the earliest first.
    ///
    /// # Errors
    /// When the store fails, or only one of two reviews is there.
    pub(super) fn seats(&self, comparison: &str) -> Result<Vec<[Seat; 2]>, StoreError> {
        let failed = self.failed();
        let find = "SELECT review, comparison, background, model, usage, device, verdict, created, sitting FROM judged \
                    WHERE comparison = ?1 ORDER BY seq";
        let mut find = self.db.prepare_cached(find).map_err(&failed)?;
        let rows = find.query_map(params![comparison], |row| {
            Ok(Seat {
                review: row.get(0)?,
                comparison: row.get(1)?,
                background: row.get(2)?,
                model: row.get(3)?,
                usage: row.get(4)?,
                device: row.get(5)?,
                verdict: row.get(6)?,
                created: row.get(7)?,
                sitting: row.get(8)?,
            })
        });
        let mut rows = rows.and_then(Iterator::collect::<rusqlite::Result<Vec<Seat>>>).map_err(&failed)?.into_iter();
        // Both reviews are written in one transaction, A's first, so that they stand side by side.
        let mut pairs = Vec::new();
        while let Some(a) = rows.next() {
            let gone = || StoreError::Tampered {
                id: comparison.to_owned(),
                kind: "comparison",
                about: "the review of one of its models is gone".to_owned(),
            };
            pairs.push([a, rows.next().ok_or_else(gone)?]);
        }
        Ok(pairs)
    }

    /// Makes the reviews of a sitting findable by their models, once.
    pub(super) fn seat(&self, seats: &[Seat; 2]) -> Result<(), StoreError> {
        let failed = self.failed();
        let known = "SELECT COUNT(*) FROM judged WHERE sitting = ?1";
        let known: i64 = self.db.query_row(known, [&seats[0].sitting], |row| row.get(0)).map_err(&failed)?;
        if known > 0 {
            return Ok(());
        }
        for seat in seats {
            let Seat { review, comparison, background, model, usage, device, verdict, created, sitting } = seat;
            let insert = "INSERT INTO judged(review, comparison, background, model, usage, device, verdict, created, \
                          sitting) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let columns = params![review, comparison, background, model, usage, device, verdict, created, sitting];
            self.db.execute(insert, columns).map_err(&failed)?;
        }
        Ok(())
    }
}

/// A value as it is kept.
pub(super) fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).expect("records hold only strings, numbers and lists")
}
