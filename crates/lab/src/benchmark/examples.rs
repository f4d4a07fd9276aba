//! Answered examples before a question, from a file of the same benchmark: what few-shot protocols show.
//!
//! Words and joints are lm-evaluation-harness 0.4.13's: the question, a blank, the answer and an empty line; of MBPP no
//! blank, and `[DONE]` behind the program. The harness draws examples of ARC, HellaSwag and GSM8K; here the first are taken,
//! as it takes those of MMLU and MBPP.

use std::collections::HashMap;
use std::path::Path;

use super::error::BenchmarkError;
use super::table::{self, Row};
use super::{Asking, Benchmark, Draft, gsm8k, mbpp, mmlu};
use crate::mmlu::Question;
use crate::prompting::Prompting;
use crate::suite::{Message, Role};

/// A question as it is put, with its answer as it follows.
pub(super) struct Example {
    pub asked: String,
    pub answer: String,
}

/// What is shown before each question.
pub(super) enum Examples {
    /// Nothing.
    None,
    /// The same before all.
    Alike(Vec<Example>),
    /// MMLU's, by subject: they stand under its heading.
    Subjects(HashMap<String, Vec<Question>>),
}

impl Examples {
    /// Those of `asking.shots_from` where there is such a file, as many as [`Benchmark::shots`] says.
    pub fn read(benchmark: Benchmark, asking: &Asking) -> Result<Examples, BenchmarkError> {
        let Some(from) = asking.shots_from.as_deref().filter(|_| benchmark.takes_examples()) else {
            return Ok(Examples::None);
        };
        let shots = benchmark.shots(asking);
        if benchmark == Benchmark::Mmlu {
            return subjects(from, shots).map(Examples::Subjects);
        }
        let mut found = Vec::new();
        rows(from, |row| {
            if found.len() < shots {
                found.extend(of_row(benchmark, row, asking)?);
            }
            Ok(())
        })?;
        if found.len() < shots {
            let (file, benchmark) = (from.display().to_string(), benchmark.name());
            return Err(BenchmarkError::Examples { file, benchmark, wanted: shots, found: found.len() });
        }
        Ok(Examples::Alike(found))
    }

    /// A question behind them: of a text that is continued before it, of a chat as its earlier turns.
    pub fn before(&self, draft: Draft, prompting: Prompting) -> Draft {
        let Examples::Alike(examples) = self else { return draft };
        match prompting {
            Prompting::Base => {
                let shown = |example: &Example| format!("{}{}\n\n", example.asked, example.answer);
                Draft { prompt: examples.iter().map(shown).collect::<String>() + &draft.prompt, ..draft }
            }
            Prompting::Chat => {
                let turn = |role, content: &String| Message { role, content: content.clone() };
                let turns =
                    examples.iter().flat_map(|e| [turn(Role::User, &e.asked), turn(Role::Assistant, &e.answer)]);
                Draft { earlier: turns.collect(), ..draft }
            }
        }
    }
}

/// An example of a row; `None` where the row is none to be shown.
fn of_row(benchmark: Benchmark, row: &Row, asking: &Asking) -> Result<Option<Example>, super::FieldFlaw> {
    match benchmark {
        Benchmark::Gsm8k => gsm8k::example(row, asking.prompting).map(Some),
        Benchmark::Mbpp => mbpp::example(row, asking.prompting),
        _ => {
            // An option has its blank where it is continued.
            let draft = benchmark.question(row, &super::bfcl::Answers::new(), &Examples::None, asking)?;
            Ok(draft.map(|draft| Example { answer: draft.scoring.reference(), asked: draft.prompt }))
        }
    }
}

fn subjects(from: &Path, shots: usize) -> Result<HashMap<String, Vec<Question>>, BenchmarkError> {
    let mut found: HashMap<String, Vec<Question>> = HashMap::new();
    rows(from, |row| {
        let of_subject = found.entry(row.text("subject")?.to_owned()).or_default();
        if of_subject.len() < shots {
            of_subject.push(mmlu::read_question(row)?);
        }
        Ok(())
    })?;
    found.retain(|_, examples| examples.len() == shots);
    Ok(found)
}

fn rows(from: &Path, mut each: impl FnMut(&Row) -> Result<(), super::FieldFlaw>) -> Result<(), BenchmarkError> {
    let file = from.display().to_string();
    table::rows(from, |number, row| {
        each(row).map_err(|flaw| BenchmarkError::Field { file: file.clone(), row: number, flaw })
    })?;
    Ok(())
}
