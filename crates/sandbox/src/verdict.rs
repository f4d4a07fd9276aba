//! What became of a program.

use serde::{Deserialize, Serialize};

/// Code that a model wrote, and how to tell whether it is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CandidateProgram<'a> {
    /// The code: Python that nobody has read.
    pub code: &'a str,
    /// The function in it that is tested.
    pub entry: &'a str,
    /// Python that the tests rest on, such as helper functions; of the same source as the tests.
    pub setup: &'a str,
    /// Python that defines `check(candidate)`, which calls `candidate` and asserts what comes back.
    pub test: &'a str,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum ProgramVerdict {
    /// The tests came to their end.
    Passed,
    /// A test does not hold, or the code raised something, or it ended before it answered.
    Failed {
        /// Which, in words.
        reason: String,
    },
    /// It took more time than it has, on the clock or on the processor.
    TimedOut,
    /// It asked for more memory than it has.
    OutOfMemory,
    /// It printed, or answered, more than it may.
    OutputLimit,
    /// A signal ended it.
    Killed {
        /// Which.
        signal: i32,
    },
}

impl ProgramVerdict {
    /// Whether the tests came to their end.
    pub fn passed(&self) -> bool {
        *self == ProgramVerdict::Passed
    }
}

impl std::fmt::Display for ProgramVerdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProgramVerdict::Passed => write!(f, "passed"),
            ProgramVerdict::Failed { reason } => write!(f, "failed: {reason}"),
            ProgramVerdict::TimedOut => write!(f, "took too long"),
            ProgramVerdict::OutOfMemory => write!(f, "ran out of memory"),
            ProgramVerdict::OutputLimit => write!(f, "printed too much"),
            ProgramVerdict::Killed { signal } => write!(f, "ended by signal {signal}"),
        }
    }
}

/// Why there is no sandbox here.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Another system.
    #[error("code is run on Linux only, in its namespaces")]
    System,
    /// No bubblewrap.
    #[error("`bwrap` (the package bubblewrap) is not on the PATH")]
    NoBubblewrap,
    /// No Python.
    #[error("`python3` cannot be used: {said}")]
    NoPython {
        /// What is wrong with it.
        said: String,
    },
    /// Nobody would set the walls that are set from inside.
    #[error("this program does not begin with `plimsoll_sandbox::enter_if_asked`")]
    NoEntry,
    /// The parts are there, but do not hold.
    #[error("the sandbox does not hold here: {said}")]
    Refused {
        /// What was said.
        said: String,
    },
}

/// Why a program has no verdict: never the fault of its code.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A process or a pipe could not be made.
    #[error("the sandbox could not be started")]
    Start(#[from] std::io::Error),
    /// The tests are not Python, or define no `check`.
    #[error("the tests of `{entry}` are broken: {reason}")]
    Tests {
        /// The function tested.
        entry: String,
        /// What is wrong with them.
        reason: String,
    },
    /// The process that holds the tests gave no verdict.
    #[error("the sandbox gave no verdict on `{entry}`: {said}")]
    Silent {
        /// The function tested.
        entry: String,
        /// What stood where the verdict should.
        said: String,
    },
}
