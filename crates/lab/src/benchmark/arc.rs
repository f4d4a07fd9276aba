//! ARC: `id`, `question`, `choices` with `text` and `label`, `answerKey`, as on the hub; or as first published, with
//! `question.stem` and `question.choices`. Words: lm-evaluation-harness 0.4.13, tasks/arc/arc_easy.yaml.

use serde_json::Value;

use super::error::FieldFlaw;
use super::marking::likeliest_of;
use super::table::Row;
use super::{Asking, Draft};

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let (question, pairs) = match row.get("question") {
        Some(Value::Object(question)) => (question.get("stem"), one_by_one(question.get("choices"))),
        question => (question, side_by_side(row.get("choices"))),
    };
    let question = question.and_then(Value::as_str).ok_or_else(|| row.wrong("question", "a text"))?;
    let pairs = pairs.filter(|pairs| pairs.len() > 1);
    let pairs = pairs.ok_or_else(|| row.wrong("choices", "two or more texts with labels"))?;
    let key = row.name("answerKey").ok_or_else(|| row.wrong("answerKey", "a label"))?;
    let answer = pairs.iter().position(|(label, _)| *label == key);
    let answer = answer.ok_or_else(|| FieldFlaw::new("answerKey", "one of the labels", format!("{key:?}")))?;
    let options = pairs.into_iter().map(|(_, text)| text).collect();
    let scoring = likeliest_of(options, answer, true, asking.prompting);
    Ok(Some(Draft { id: row.name("id"), ..Draft::new(format!("Question: {question}\nAnswer:"), scoring, 1) }))
}

/// `{"text": [...], "label": [...]}`
fn side_by_side(choices: Option<&Value>) -> Option<Vec<(String, String)>> {
    let list = |key: &str| choices?.get(key)?.as_array();
    let (labels, texts) = (list("label")?, list("text")?);
    let pair = |(label, text): (&Value, &Value)| Some((label.as_str()?.to_owned(), text.as_str()?.to_owned()));
    (labels.len() == texts.len()).then(|| labels.iter().zip(texts).map(pair).collect())?
}

/// `[{"text": ..., "label": ...}, ...]`
fn one_by_one(choices: Option<&Value>) -> Option<Vec<(String, String)>> {
    let text = |choice: &Value, key: &str| Some(choice.get(key)?.as_str()?.to_owned());
    choices?.as_array()?.iter().map(|choice| Some((text(choice, "label")?, text(choice, "text")?))).collect()
}
