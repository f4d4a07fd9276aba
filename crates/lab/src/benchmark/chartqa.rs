//! ChartQA: `type` (human or augmented), `question`, `answer`, `image`, as on the hub; or `query` and a `label` list. Words:
//! those of lmms-eval's task.

use super::docvqa::{BRIEFLY, about_picture};
use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let (question, answer) = match row.get("query") {
        Some(_) => (row.text("query")?, row.texts("label")?.into_iter().next()),
        None => (row.text("question")?, Some(row.text("answer")?.to_owned())),
    };
    let answer = answer.ok_or_else(|| row.wrong("label", "a list with a text"))?;
    let scoring = Scoring::Benchmark(Marking::Relaxed { answer });
    let draft = about_picture(row, "id", question, BRIEFLY, scoring)?;
    let part = row.text("type").ok().map(|kind| kind.trim_end_matches("_test").to_owned());
    Ok(Some(Draft { part, ..draft }))
}
