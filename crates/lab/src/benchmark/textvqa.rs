//! TextVQA: `question_id`, `question`, `answers` of ten people, `image`, as on the hub. Words: those of lmms-eval's task,
//! without the texts that another program read.

use super::docvqa::{BRIEFLY, about_picture};
use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let question = row.text("question")?;
    let mut letters = question.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let question = first + &letters.as_str().to_lowercase();
    let scoring = Scoring::Benchmark(Marking::Vqa { answers: row.texts("answers")? });
    about_picture(row, "question_id", &question, BRIEFLY, scoring).map(Some)
}
