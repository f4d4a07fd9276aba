//! Programs that a model writes: tasks, what is taken from its answer, and whether it runs.
//!
//! A [`Problem`] has the form of HumanEval's: the beginning of a Python program, the name of its function, a solution
//! and tests. The built-in ones are made from a seed by [`CodeSuite::builtin`], those of HumanEval are read from the
//! user's file by [`humaneval`]. [`run::run`] samples answers and has each judged in a sandbox.

pub mod extract;
pub mod humaneval;
mod kinds;
pub mod run;
mod suite;

use plimsoll_sandbox::{CandidateProgram, ProgramVerdict, Sandbox, SandboxError};
use serde::{Deserialize, Serialize};

pub use suite::{CODE, CodeSuite, DEFAULT_CODE_ITEMS};

/// One task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Its name; two models are paired by it.
    pub id: String,
    /// What kind of task it is, or the benchmark's name.
    pub category: String,
    /// The program as far as it is given: imports, helpers, and the function's head with its description.
    pub prompt: String,
    /// The function to be written.
    pub entry_point: String,
    /// The rest of the function, right.
    pub solution: String,
    /// Defines `check(candidate)`.
    pub test: String,
}

impl Problem {
    /// The program of the reference solution.
    pub fn reference(&self) -> String {
        format!("{}{}\n", self.prompt, self.solution)
    }

    /// A program of the right form that does nothing, to show that tests can say no.
    pub fn spoiled(&self) -> String {
        format!("{}    return None\n", self.prompt)
    }

    /// `code` and the tests that it must stand. Their helpers come from the reference, never from `code`.
    pub(crate) fn judged(&self, code: &str, judge: &dyn Judge) -> Result<ProgramVerdict, SandboxError> {
        let setup = self.reference();
        judge.judge(&CandidateProgram { code, entry: &self.entry_point, setup: &setup, test: &self.test })
    }
}

/// Whoever runs a program against its tests.
pub trait Judge {
    /// What becomes of `program`.
    ///
    /// # Errors
    /// There is no verdict, through no fault of the program's.
    fn judge(&self, program: &CandidateProgram) -> Result<ProgramVerdict, SandboxError>;
}

impl Judge for Sandbox {
    fn judge(&self, program: &CandidateProgram) -> Result<ProgramVerdict, SandboxError> {
        self.run(program)
    }
}
