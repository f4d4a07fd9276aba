//! GSM8K: `question`, `answer` with the number behind `####`. Words and marking: lm-evaluation-harness 0.4.13,
//! tasks/gsm8k/gsm8k.yaml, without its examples; a chat is told of `####`, which examples would have shown.

use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::prompted::Prompting;
use crate::score::Scoring;

const STOPS: &[&str] = &["Question:", "</s>", "<|im_end|>"];
/// Room for the reasoning. [tokens]
const MAX_TOKENS: usize = 512;

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let question = row.text("question")?;
    let answer = row.text("answer")?.rsplit_once("#### ").map(|(_, number)| number.trim().to_owned());
    let answer = answer.ok_or_else(|| row.wrong("answer", "a text with a number behind `#### `"))?;
    let prompt = match asking.prompting {
        Prompting::Base => format!("Question: {question}\nAnswer:"),
        Prompting::Chat => {
            format!("{question}\n\nReason step by step, and end with the answer as a number behind `#### `.")
        }
    };
    // Nothing tells a continuation of `####`.
    let strict = asking.prompting == Prompting::Chat;
    let scoring = Scoring::Benchmark(Marking::Gsm8k { answer, strict });
    Ok(Some(Draft { stops: STOPS, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}
