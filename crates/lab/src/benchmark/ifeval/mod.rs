//! IFEval: `key`, `prompt`, `instruction_id_list`, `kwargs`. Checks: lm-evaluation-harness 0.4.13, tasks/ifeval.
//!
//! Three of its checks rest on trained tools, and are close to them here and not equal: sentences (its Punkt model),
//! words in capitals (its tokenizer), languages (its `langdetect`, whose word changes from run to run).

mod check;
mod text;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, Marking};
use crate::score::Scoring;

pub use check::Instruction;

/// Room for an answer, in tokens.
const MAX_TOKENS: usize = 1280;

pub(super) fn question(row: &Row, _asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let (prompt, ids) = (row.text("prompt")?, row.texts("instruction_id_list")?);
    let kwargs = row.get("kwargs").and_then(Value::as_array).filter(|kwargs| kwargs.len() == ids.len());
    let kwargs = kwargs.ok_or_else(|| row.wrong("kwargs", "an object for each instruction"))?;
    if ids.is_empty() {
        return Err(FieldFlaw::new("instruction_id_list", "a list of names", "an empty one"));
    }
    let mut instructions = Vec::with_capacity(ids.len());
    for (id, kwargs) in ids.iter().zip(kwargs) {
        let kwargs = kwargs.as_object().ok_or_else(|| row.wrong("kwargs", "an object for each instruction"))?;
        instructions.push(Instruction::read(id, &given(kwargs))?);
    }
    // Nothing here tells Swahili from other languages.
    if instructions.iter().any(Instruction::is_beyond_telling) {
        return Ok(None);
    }
    let scoring = Scoring::Benchmark(Marking::Ifeval(Instructions { instructions }));
    Ok(Some(Draft { id: row.name("key"), ..Draft::new(prompt.to_owned(), scoring, MAX_TOKENS) }))
}

/// Without the keys of other instructions, which Parquet fills with nothing.
fn given(kwargs: &Map<String, Value>) -> Map<String, Value> {
    kwargs.iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What an answer has to keep to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instructions {
    instructions: Vec<Instruction>,
}

impl Instructions {
    /// For each instruction, whether the answer follows it.
    pub fn strict(&self, answer: &str) -> Vec<bool> {
        self.instructions.iter().map(|instruction| followed(instruction, answer)).collect()
    }

    /// The same, where the answer may also follow without its first line, its last, both, and each of these without
    /// asterisks.
    pub fn loose(&self, answer: &str) -> Vec<bool> {
        let lines: Vec<&str> = answer.split('\n').collect();
        let part = |from: usize, to: usize| lines.get(from..to).unwrap_or_default().join("\n").trim().to_owned();
        let n = lines.len();
        let mut all = vec![answer.to_owned(), part(1, n), part(0, n - 1), part(1, n - 1)];
        all.extend(all.clone().iter().map(|text| text.replace('*', "")));
        let any = |instruction: &Instruction| all.iter().any(|answer| followed(instruction, answer));
        self.instructions.iter().map(any).collect()
    }
}

fn followed(instruction: &Instruction, answer: &str) -> bool {
    !answer.trim().is_empty() && instruction.is_followed(answer)
}
