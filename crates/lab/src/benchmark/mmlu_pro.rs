//! MMLU-Pro: `question_id`, `question`, `options`, `answer` as a letter, `category`. Words and marking:
//! lm-evaluation-harness 0.4.13, tasks/mmlu_pro, without its examples.

use std::fmt::Write;

use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

const LETTERS: &str = "ABCDEFGHIJ";
const STOPS: &[&str] = &["Question:"];
/// Room for the reasoning, in tokens.
const MAX_TOKENS: usize = 2048;

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let (category, options) = (row.text("category")?, row.texts("options")?);
    let mut prompt = format!(
        "The following are multiple choice questions (with answers) about {category}. Think step by step and then finish \
         your answer with \"the answer is (X)\" where X is the correct letter choice.\nQuestion:\n{}\nOptions:\n",
        row.text("question")?
    );
    for (letter, option) in LETTERS.chars().zip(&options) {
        // Written to a String, which takes everything.
        let _ = writeln!(prompt, "{letter}. {}", option.trim());
    }
    prompt.push_str("Answer: Let's think step by step.");
    let answer = row.text("answer")?.trim().chars().next();
    let answer = answer.filter(|letter| LETTERS.chars().take(options.len()).any(|known| known == *letter));
    let answer = answer.ok_or_else(|| row.wrong("answer", "the letter of an option"))?;
    let part = category.replace(' ', "_");
    let scoring = Scoring::Benchmark(Marking::Letter { answer });
    let id = row.name("question_id");
    Ok(Some(Draft { id, part: Some(part), stops: STOPS, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}
