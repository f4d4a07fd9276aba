//! BFCL, its part that is checked without running anything: `id`, `question`, `function` in one file, `ground_truth` in the
//! file of the same name in the folder `possible_answer` beside it (categories simple, multiple, parallel and
//! parallel_multiple of Python). Checks: `ast_checker.py` of the leaderboard. The words are our own, for the published
//! ones are a page: scores are to be compared with each other and not with the leaderboard's.

mod call;
mod check;

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::error::{BenchmarkError, FieldFlaw};
use super::table::{self, Row};
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

pub use check::Calls;

/// Where the right answers lie, beside the questions.
const ANSWERS: &str = "possible_answer";
/// Room for some calls, in tokens.
const MAX_TOKENS: usize = 512;

/// The right answers of each question, by its id.
pub(super) type Answers = HashMap<String, Vec<Map<String, Value>>>;

/// The answers that belong to the questions at `path`.
pub(super) fn answers(path: &Path) -> Result<Answers, BenchmarkError> {
    let file = path.with_file_name(ANSWERS).join(path.file_name().unwrap_or_default());
    let mut found = Answers::new();
    table::rows(&file, |number, row| {
        let at = |flaw| BenchmarkError::Field { file: file.display().to_string(), row: number, flaw };
        let list = row.get("ground_truth").and_then(Value::as_array);
        let calls = list.and_then(|list| list.iter().map(|call| call.as_object().cloned()).collect());
        let calls = calls.ok_or_else(|| at(row.wrong("ground_truth", "a list of calls")))?;
        found.insert(row.text("id").map_err(at)?.to_owned(), calls);
        Ok(())
    })?;
    Ok(found)
}

/// A question with its answers.
pub(super) fn question(row: &Row, answers: &Answers, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let id = row.text("id")?;
    let right = answers.get(id);
    let right =
        right.ok_or_else(|| FieldFlaw::new("id", format!("one of the file in `{ANSWERS}`"), format!("{id:?}")))?;
    let functions = row.get("function").and_then(Value::as_array).filter(|functions| !functions.is_empty());
    let functions = functions.ok_or_else(|| row.wrong("function", "a list of functions"))?;
    // One turn of one conversation, as these categories have it.
    let asked = row.get("question").and_then(|turns| turns.get(0)?.as_array()?.last()?.get("content")?.as_str());
    let asked = asked.ok_or_else(|| row.wrong("question", "a conversation with a text"))?;
    let calls = Calls::new(functions, right)?;
    let described: Vec<String> = functions.iter().map(Value::to_string).collect();
    let prompt = format!(
        "These functions can be called:\n{}\n\nAnswer the request with calls and nothing else, as a Python list with named \
         arguments: [name(argument=value, ...), ...]\n\nRequest: {asked}",
        described.join("\n")
    );
    let part = id.rsplit_once('_').map(|(part, _)| part.to_owned());
    let scoring = Scoring::Benchmark(Marking::Calls(calls));
    Ok(Some(Draft { id: Some(id.to_owned()), part, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}
