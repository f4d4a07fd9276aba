//! Programs that a benchmark has a model write, run against its tests.

use std::fmt;
use std::sync::Arc;

use plimsoll_sandbox::ProgramVerdict;
use serde::{Deserialize, Serialize};

use crate::code::extract::program;
use crate::code::{Judge, Problem};
use crate::language_model::AnswerError;
use crate::prompting::Prompting;

/// A program to be written.
#[derive(Clone, Serialize, Deserialize)]
pub struct ProgramTask {
    /// The task with its tests.
    pub problem: Problem,
    /// How it is asked for, which says what of an answer is the program.
    pub prompting: Prompting,
    /// Who runs it; none where the task was read from a record.
    #[serde(skip)]
    judge: Option<Arc<dyn Judge + Send + Sync>>,
}

impl ProgramTask {
    /// A task whose programs `judge` runs; without one none is marked.
    pub fn new(problem: Problem, prompting: Prompting, judge: Option<Arc<dyn Judge + Send + Sync>>) -> ProgramTask {
        ProgramTask { problem, prompting, judge }
    }

    /// Whether the program in `raw` passes its tests.
    ///
    /// # Errors
    /// There is nobody to run it, or the sandbox gave no verdict.
    pub fn mark(&self, raw: &str) -> Result<bool, AnswerError> {
        let judge = self.judge.as_ref().ok_or("there is no sandbox at hand to run the program in")?;
        let code = program(&self.problem, raw, self.prompting);
        Ok(self.problem.judged(&code, judge.as_ref()).map(|verdict: ProgramVerdict| verdict.passed())?)
    }

    /// The published solution, as an answer.
    pub fn reference(&self) -> String {
        match self.prompting {
            Prompting::Base => self.problem.solution.clone(),
            Prompting::Chat => format!("```python\n{}```", self.problem.reference()),
        }
    }

    /// A function that does nothing, as an answer.
    pub fn spoiled(&self) -> String {
        match self.prompting {
            Prompting::Base => "    return None\n".to_owned(),
            Prompting::Chat => format!("```python\n{}```", self.problem.spoiled()),
        }
    }
}

impl fmt::Debug for ProgramTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgramTask").field("problem", &self.problem).field("prompting", &self.prompting).finish()
    }
}

impl PartialEq for ProgramTask {
    fn eq(&self, other: &Self) -> bool {
        (&self.problem, self.prompting) == (&other.problem, other.prompting)
    }
}
