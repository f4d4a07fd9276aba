//! HumanEval: `task_id`, `prompt`, `entry_point`, `canonical_solution`, `test`.

use super::error::FieldFlaw;
use super::table::Row;
use super::{Asking, Draft, ProgramTask};
use crate::code::extract::STOPS;
use crate::code::run::{MAX_TOKENS, question as in_words};
use crate::code::{Problem, humaneval};
use crate::prompting::Prompting;
use crate::score::Scoring;

pub(super) fn question(row: &Row, asking: &Asking) -> Result<Option<Draft>, FieldFlaw> {
    let text = |field: &str| row.text(field).map(str::to_owned);
    let problem = Problem {
        id: text("task_id")?,
        category: humaneval::HUMANEVAL.to_owned(),
        prompt: text("prompt")?,
        entry_point: text("entry_point")?,
        solution: text("canonical_solution")?,
        test: text("test")?,
    };
    if !humaneval::is_name(&problem.entry_point) {
        return Err(FieldFlaw::new("entry_point", "the name of a function", format!("{:?}", problem.entry_point)));
    }
    let prompt = match asking.prompting {
        Prompting::Base => problem.prompt.clone(),
        Prompting::Chat => in_words(&problem),
    };
    let id = Some(problem.id.clone());
    let scoring = Scoring::Program(ProgramTask::new(problem, asking.prompting, asking.judge.clone()));
    Ok(Some(Draft { id, stops: &STOPS, ..Draft::new(prompt, scoring, MAX_TOKENS) }))
}
