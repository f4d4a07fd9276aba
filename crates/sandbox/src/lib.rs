//! Runs Python that nobody has read, and tells whether it does what its tests ask.
//!
//! # Two processes
//!
//! The code under test and its tests never share a process. The *candidate* runs the code; the *judge* holds the tests
//! and calls the candidate's function over a pipe, on which only plain values travel (numbers, text, bytes, lists,
//! tuples, sets, dictionaries). Each of the two has a sandbox of its own, made anew for every program. What the code
//! may do to its interpreter, it does to itself: it can exit with any status, patch whatever it likes, and write
//! whatever it likes to every descriptor, and has still only given an answer that the judge compares with the one that
//! the test wants. The verdict comes from the judge over a pipe that the candidate does not have, behind a nonce that
//! it never saw; there is nothing in its memory, environment or files to look for.
//!
//! # Walls
//!
//! Around each process, from the outside in: bubblewrap (own user, mount, process, network, IPC and host name
//! namespaces; no capabilities; no environment; read-only Python and system libraries and nothing else, not even
//! `/proc` or `/dev`), `/tmp` in memory, bounded in bytes and in entries, limits of resources, Landlock, seccomp with a
//! list of what is allowed. All but the first are set by our own program inside ([`enter_if_asked`]), which then becomes
//! Python. The clock and the amount of output are watched from outside. Where any of it is missing
//! [`Sandbox::available`] says what, and nothing is run.
//!
//! # What it does not do
//!
//! - It shares the kernel and the processor: a hole in either is a hole in the sandbox, and what one learns from timing
//!   is not kept from it.
//! - Code that recognises the arguments of the tests and returns what it learned by heart passes: that is what tests are.
//! - An object with methods, a generator or a `Fraction` does not cross; a test that looks at what stands in its place fails,
//!   so that code which returns one fails where it might have passed in one process. A change that the code makes to its
//!   arguments is not seen by the test either.
//! - An exception crosses as one of its own kind only where the test names that kind or one that it belongs to; else as one
//!   that nothing but `except Exception` catches. Python itself takes some kinds for an answer: the end of an iteration, a
//!   missing attribute.
//! - The code's own word is believed against it: who raises `MemoryError` is told to have run out of memory, and who
//!   exits with 128 and a signal's number to have been ended by it. None of that is a pass.
//! - The order of a set of texts changes from run to run, as Python's `-I` wants it: code that rests on it may pass once
//!   and fail the next time.
//! - The limit on memory holds for each process; a run takes at most twice as much, and twice the size of `/tmp`.
//! - What the kernel itself keeps for a process is counted by no limit of resources. Where this user may make a control group
//!   with a limit of memory, a run stands in one; elsewhere it is bounded by what limits and walls allow: entries of `/tmp`,
//!   open files and the pipes among them, threads.
//! - Running as root, the number of threads is bounded by memory alone, for the kernel does not count root's.
//!
//! # Other programs
//!
//! [`Confinement`] holds a program of this machine that reads one file which nobody vouches for, such as a decoder of
//! videos: behind the same walls, with nothing to write to, where there are any, and by limits of resources alone elsewhere.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod bubblewrap;
#[cfg(target_os = "linux")]
mod child;
mod confinement;
#[cfg(target_os = "linux")]
mod control_group;
mod limits;
#[cfg(target_os = "linux")]
mod python;
#[cfg(target_os = "linux")]
mod run;
mod verdict;

pub use confinement::Confinement;
pub use limits::Limits;
pub use verdict::{CandidateProgram, ProgramVerdict, SandboxError, Unavailable};

#[cfg(target_os = "linux")]
pub use child::enter_if_asked;
#[cfg(not(target_os = "linux"))]
/// Does nothing: code is run on Linux only.
pub fn enter_if_asked() {}

/// A place to run code in. Holds nothing open; every run makes its own processes.
#[derive(Debug, Clone)]
pub struct Sandbox {
    #[cfg(target_os = "linux")]
    bubblewrap: bubblewrap::Bubblewrap,
    #[cfg(target_os = "linux")]
    python: python::Python,
    #[cfg(target_os = "linux")]
    groups: Option<control_group::ControlGroups>,
    #[cfg(target_os = "linux")]
    limits: Limits,
}

impl Sandbox {
    /// The sandbox of this machine, tried: a right program must pass in it and a wrong one must fail.
    ///
    /// # Errors
    /// What is missing, or does not hold, in words.
    #[cfg(target_os = "linux")]
    pub fn available() -> Result<Sandbox, Unavailable> {
        let bubblewrap = bubblewrap::Bubblewrap::find()?;
        let (python, groups) = (python::Python::find()?, control_group::ControlGroups::find());
        let sandbox = Sandbox { bubblewrap, python, groups, limits: Limits::default() };
        let test = "def check(candidate):\n    assert candidate(20) == 41";
        for (code, passes) in [("def f(n): return 2 * n + 1", true), ("def f(n): return n", false)] {
            let program = CandidateProgram { code, entry: "f", setup: "", test };
            let verdict = sandbox.run(&program).map_err(|error| Unavailable::Refused { said: said(&error) })?;
            if verdict.passed() != passes {
                return Err(Unavailable::Refused { said: format!("a program that is known to its tests: {verdict}") });
            }
        }
        Ok(sandbox)
    }

    /// Code is run on Linux only.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn available() -> Result<Sandbox, Unavailable> {
        Err(Unavailable::System)
    }

    /// The same with other limits.
    #[cfg(target_os = "linux")]
    pub fn with_limits(self, limits: Limits) -> Sandbox {
        Sandbox { limits, ..self }
    }

    /// Cannot be called, for there is no sandbox here.
    #[cfg(not(target_os = "linux"))]
    pub fn with_limits(self, _: Limits) -> Sandbox {
        self
    }

    /// Runs `program` from an empty state and puts its tests to it.
    ///
    /// # Errors
    /// The sandbox could not be made, or the tests are broken: nothing is said of the code then.
    #[cfg(target_os = "linux")]
    pub fn run(&self, program: &CandidateProgram) -> Result<ProgramVerdict, SandboxError> {
        let group = self.groups.as_ref().map(|groups| groups.make(run::memory_of_both(&self.limits))).transpose()?;
        run::run(&self.bubblewrap, &self.python, group.as_ref(), self.limits, program)
    }

    /// Cannot be called, for there is no sandbox here.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_os = "linux"))]
    pub fn run(&self, program: &CandidateProgram) -> Result<ProgramVerdict, SandboxError> {
        Err(SandboxError::Silent { entry: program.entry.to_owned(), said: Unavailable::System.to_string() })
    }
}

/// What an error and its causes say.
#[cfg(target_os = "linux")]
fn said(error: &SandboxError) -> String {
    match error {
        SandboxError::Silent { said, .. } => said.clone(),
        SandboxError::Start(error) => error.to_string(),
        SandboxError::Tests { .. } => error.to_string(),
    }
}
