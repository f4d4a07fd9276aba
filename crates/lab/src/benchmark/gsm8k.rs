//! GSM8K: `question`, `answer` with the number behind `####`. Words and marking: lm-evaluation-harness 0.4.13,
//! tasks/gsm8k/gsm8k.yaml; without its examples, unless a file of them is named (its train file). A chat is told of `####`,
//! which examples show.

use super::error::FieldFlaw;
use super::examples::Example;
use super::table::Row;
use super::{Asking, Benchmark, Draft, Marking};
use crate::prompting::Prompting;
use crate::score::Scoring;

const STOPS: &[&str] = &["Question:", "</s>", "<|im_end|>"];
/// Room for the reasoning, in tokens.
const MAX_TOKENS: usize = 512;

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let question = row.text("question")?;
    let answer = row.text("answer")?.rsplit_once("#### ").map(|(_, number)| number.trim().to_owned());
    let answer = answer.ok_or_else(|| row.wrong("answer", "a text with a number behind `#### `"))?;
    let prompt = worded(question, asking.prompting);
    // Nothing tells a continuation without examples of `####`.
    let strict = asking.prompting == Prompting::Chat || Benchmark::Gsm8k.shots(asking) > 0;
    let scoring = Scoring::Benchmark(Marking::Gsm8k { answer, strict });
    Ok(Some(Draft { stops: STOPS, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}

fn worded(question: &str, prompting: Prompting) -> String {
    match prompting {
        Prompting::Base => format!("Question: {question}\nAnswer:"),
        Prompting::Chat => {
            format!("{question}\n\nReason step by step, and end with the answer as a number behind `#### `.")
        }
    }
}

/// A question with its whole answer, to be shown.
pub(super) fn example(row: &Row, prompting: Prompting) -> Result<Example, FieldFlaw> {
    let (asked, answer) = (worded(row.text("question")?, prompting), row.text("answer")?);
    let answer = match prompting {
        Prompting::Base => format!(" {answer}"),
        Prompting::Chat => answer.to_owned(),
    };
    Ok(Example { asked, answer })
}
