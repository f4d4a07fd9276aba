//! DocVQA: `questionId`, `question`, `image`, `answers`, as on the hub. Words: those of lmms-eval's task.

use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

/// What the tasks about documents and charts ask for.
pub(super) const BRIEFLY: &str = "\nAnswer the question using a single word or phrase.";
/// Room for a phrase, in tokens.
pub(super) const MAX_TOKENS: usize = 64;

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let answers = row.texts("answers")?;
    let scoring = Scoring::Benchmark(Marking::Anls { answers });
    about_picture(row, "questionId", row.text("question")?, BRIEFLY, scoring).map(Some)
}

/// A question about the picture in the column `image`.
pub(super) fn about_picture(
    row: &Row,
    id: &str,
    question: &str,
    plea: &str,
    scoring: Scoring,
) -> Result<Draft, FieldFlaw> {
    let image = row.picture("image").ok_or_else(|| row.wrong("image", "a picture's bytes"))?;
    let prompt = format!("{question}{plea}");
    Ok(Draft { id: row.name(id), images: vec![image], ..Draft::new(prompt, scoring, MAX_TOKENS) })
}
