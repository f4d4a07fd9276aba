//! MMLU: its folder of CSV files with examples, or one file with `question`, `subject`, `choices`, `answer` (an index, or
//! a letter), as on the hub. Words: Hendrycks' script, as [`crate::mmlu`] has them.

use std::path::Path;

use serde_json::Value;

use super::error::{BenchmarkError, FieldFlaw};
use super::examples::Examples;
use super::marking::likeliest_of;
use super::table::Row;
use super::{Asking, Benchmark, Draft};
use crate::mmlu::{LETTERS, Question, Subject, base_prompt, chat_prompt, read};
use crate::prompting::Prompting;
use crate::suite::{Item, hash};

pub(super) fn question(row: &Row, examples: &Examples, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let name = row.text("subject")?.to_owned();
    let examples = match examples {
        Examples::Subjects(subjects) => subjects.get(&name).cloned().ok_or_else(|| {
            let expected = format!("one of which the examples' file has {}", Benchmark::Mmlu.shots(asking));
            FieldFlaw::new("subject", expected, format!("{name:?}"))
        })?,
        _ => Vec::new(),
    };
    let subject = Subject { name, examples, questions: Vec::new() };
    Ok(Some(draft(&subject, &read_question(row)?, asking)))
}

/// The question of a row as the hub has it.
pub(super) fn read_question(row: &Row) -> Result<Question, FieldFlaw> {
    let options: Result<[String; 4], _> = row.texts("choices")?.try_into();
    let options =
        options.map_err(|found: Vec<String>| FieldFlaw::new("choices", "four texts", found.len().to_string()))?;
    let answer = match row.get("answer") {
        Some(Value::String(letter)) => LETTERS.iter().position(|known| letter.trim().chars().eq([*known])),
        Some(index) => index.as_u64().map(|index| index as usize).filter(|index| *index < LETTERS.len()),
        None => None,
    };
    let answer = answer.ok_or_else(|| row.wrong("answer", "0 to 3, or A to D"))?;
    Ok(Question { text: row.text("question")?.to_owned(), options, answer })
}

/// Every subject of the published folder, and a hash of all that is asked.
pub(super) fn folder(path: &Path, asking: &Asking) -> Result<(Vec<Item>, String), BenchmarkError> {
    let mut items = Vec::new();
    for subject in read(path, Benchmark::Mmlu.shots_of_folder(asking))? {
        let asked = subject.questions.iter().take(asking.each.unwrap_or(usize::MAX));
        for (index, question) in asked.enumerate() {
            let id = Some(format!("{}-{}", subject.name, index + 1));
            let draft = Draft { id, ..draft(&subject, question, asking) };
            items.push(Benchmark::Mmlu.item(draft, index + 1, asking));
        }
    }
    let hashed = hash::sha256_hex(hash::canonical_json(&items).as_bytes());
    Ok((items, hashed))
}

fn draft(subject: &Subject, question: &Question, asking: &Asking) -> Draft {
    let prompt = match asking.prompting {
        Prompting::Base => base_prompt(subject, question),
        Prompting::Chat => chat_prompt(subject, question),
    };
    let letters = LETTERS.map(String::from).into();
    let scoring = likeliest_of(letters, question.answer, false, asking.prompting);
    Draft { part: Some(subject.name.clone()), ..Draft::new(prompt, scoring, 1) }
}
