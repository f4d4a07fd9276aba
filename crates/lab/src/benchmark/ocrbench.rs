//! OCRBench: `dataset`, `question`, `question_type`, `answer` (a list), `image`, as on the hub.

use super::docvqa::about_picture;
use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

/// The set of handwritten formulae, which is compared without spaces.
const FORMULAE: &str = "HME100k";

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let answers = row.texts("answer").or_else(|_| row.text("answer").map(|answer| vec![answer.to_owned()]))?;
    let formula = row.text("dataset").is_ok_and(|set| set == FORMULAE);
    let scoring = Scoring::Benchmark(Marking::Reads { answers, formula });
    let draft = about_picture(row, "id", row.text("question")?, "", scoring)?;
    let part = row.text("question_type").ok().map(|kind| kind.replace(' ', "_"));
    Ok(Some(Draft { part, max_tokens: 128, ..draft }))
}
