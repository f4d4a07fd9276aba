//! GSM8K: `question`, `answer` with the number behind `####`. Words and marking: lm-evaluation-harness 0.4.13,
//! tasks/gsm8k/gsm8k.yaml; without its examples, unless a file of them is named (its train file: the harness draws from it,
//! here the first are taken). A chat is told of `####`, which examples show.

use std::path::Path;

use super::error::{BenchmarkError, FieldFlaw};
use super::table::{self, Row};
use super::{Asking, Draft, Marking};
use crate::prompted::Prompting;
use crate::score::Scoring;
use crate::suite::{Message, Role};

const STOPS: &[&str] = &["Question:", "</s>", "<|im_end|>"];
/// Room for the reasoning. [tokens]
const MAX_TOKENS: usize = 512;

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let question = row.text("question")?;
    let answer = row.text("answer")?.rsplit_once("#### ").map(|(_, number)| number.trim().to_owned());
    let answer = answer.ok_or_else(|| row.wrong("answer", "a text with a number behind `#### `"))?;
    let prompt = worded(question, asking.prompting);
    // Nothing tells a continuation without examples of `####`.
    let strict = asking.prompting == Prompting::Chat || asking.shots_from.is_some() && asking.shots > 0;
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

/// A question with its whole answer.
pub(super) struct Example {
    question: String,
    answer: String,
}

/// The first `n` rows of the file at `path`.
pub(super) fn examples(path: &Path, n: usize) -> Result<Vec<Example>, BenchmarkError> {
    let file = path.display().to_string();
    let mut examples = Vec::new();
    table::rows(path, |number, row| {
        let at = |flaw| BenchmarkError::Field { file: file.clone(), row: number, flaw };
        if examples.len() < n {
            let (question, answer) = (row.text("question").map_err(at)?.to_owned(), row.text("answer").map_err(at)?);
            examples.push(Example { question, answer: answer.to_owned() });
        }
        Ok(())
    })?;
    if examples.len() < n {
        let (benchmark, found) = (super::Benchmark::Gsm8k.name(), examples.len());
        return Err(BenchmarkError::Examples { file, benchmark, wanted: n, found });
    }
    Ok(examples)
}

/// A question behind examples: of a text that is continued before it, of a chat as its earlier turns.
pub(super) fn behind(draft: Draft, examples: &[Example], prompting: Prompting) -> Draft {
    match prompting {
        Prompting::Base => {
            let shown = |example: &Example| format!("{} {}\n\n", worded(&example.question, prompting), example.answer);
            Draft { prompt: examples.iter().map(shown).collect::<String>() + &draft.prompt, ..draft }
        }
        Prompting::Chat => {
            let turns = examples.iter().flat_map(|example| {
                let asked = worded(&example.question, prompting);
                [
                    Message { role: Role::User, content: asked },
                    Message { role: Role::Assistant, content: example.answer.clone() },
                ]
            });
            Draft { earlier: turns.collect(), ..draft }
        }
    }
}
