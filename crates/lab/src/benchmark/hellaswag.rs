//! HellaSwag: `activity_label`, `ctx_a`, `ctx_b`, `endings`, `label` (a number, or on the hub its digit). Words:
//! lm-evaluation-harness 0.4.13, tasks/hellaswag/utils.py.

use std::sync::LazyLock;

use regex::Regex;

use super::error::FieldFlaw;
use super::marking::likeliest_of;
use super::table::Row;
use super::{Asking, Draft};

static BRACKETS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[.*?\]").expect("the harness's pattern"));

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let context = format!("{} {}", row.text("ctx_a")?, capitalised(row.text("ctx_b")?));
    let prompt = cleaned(&format!("{}: {context}", row.text("activity_label")?));
    let endings: Vec<String> = row.texts("endings")?.iter().map(|ending| cleaned(ending)).collect();
    let answer = row.index("label")?;
    if answer >= endings.len() {
        return Err(FieldFlaw::new("label", format!("below {}", endings.len()), answer.to_string()));
    }
    Ok(Some(Draft::new(prompt, likeliest_of(endings, answer, true, asking.prompting), 1)))
}

/// Without the marks that WikiHow's texts have.
fn cleaned(text: &str) -> String {
    let text = text.trim().replace(" [title]", ". ");
    BRACKETS.replace_all(&text, "").replace("  ", " ")
}

/// Python's `capitalize`: the first letter large, all others small.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    first + &letters.as_str().to_lowercase()
}
