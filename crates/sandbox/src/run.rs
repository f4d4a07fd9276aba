//! One run: two processes joined by pipes, watched from outside.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::rand::{GetRandomFlags, getrandom};
use serde::Deserialize;

use crate::bubblewrap::Bubblewrap;
use crate::child::Task;
use crate::control_group::ControlGroup;
use crate::python::Python;
use crate::{CandidateProgram, Limits, ProgramVerdict, SandboxError};

const JUDGE: &str = concat!(include_str!("harness/codec.py"), include_str!("harness/judge.py"));
const CANDIDATE: &str = concat!(include_str!("harness/codec.py"), include_str!("harness/candidate.py"));
/// Bytes that the judge may say; a verdict takes a few hundred.
const LONGEST_VERDICT: usize = 16 << 10;
/// How long a process that closed its pipe may take to end.
const TIME_TO_END: Duration = Duration::from_millis(500);
/// What bubblewrap adds to the number of the signal that ended a process, as shells do.
const SIGNALLED: i32 = 128;

/// A process behind walls, which ends with this value.
struct Contained(Child);

impl Contained {
    fn spawn(mut command: Command, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> io::Result<Contained> {
        Ok(Contained(command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).spawn()?))
    }

    /// How it ended by itself within a moment.
    fn ended(&mut self) -> Option<ExitStatus> {
        let deadline = Instant::now() + TIME_TO_END;
        while Instant::now() < deadline {
            if let Ok(Some(status)) = self.0.try_wait() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(2));
        }
        None
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        // A process that has ended cannot be killed, which is as well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What is heard from the two processes.
enum Heard {
    /// All that the judge said.
    Judge(Vec<u8>),
    /// The code printed more than it may.
    Flood,
}

/// The judge's words, behind the nonce.
#[derive(Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
enum Said {
    Passed,
    Failed { reason: String },
    Memory,
    Flood,
    Gone,
    Broken { reason: String },
}

/// What bubblewrap and the kernel take beside the limits of both processes, in bytes.
const BESIDE: u64 = 128 << 20;

/// What both processes may take together, with what the kernel keeps for them, in bytes.
pub(crate) fn memory_of_both(limits: &Limits) -> u64 {
    2 * (limits.memory + limits.file) + BESIDE
}

/// See [`crate::Sandbox::run`].
pub(crate) fn run(
    bubblewrap: &Bubblewrap,
    python: &Python,
    group: Option<&ControlGroup>,
    limits: Limits,
    program: &CandidateProgram,
) -> Result<ProgramVerdict, SandboxError> {
    let walled = |script: &str| {
        let task =
            Task { limits, scratch: true, program: python.executable.clone(), arguments: python.arguments(script) };
        let command = bubblewrap.command(&task, python.needs(), &[]);
        match group {
            Some(group) => group.member(&command),
            None => command,
        }
    };
    let deadline = Instant::now() + limits.wall;
    let nonce = nonce()?;
    let (answers, mut to_judge) = io::pipe()?;
    let (calls, to_candidate) = io::pipe()?;
    let (tell, heard) = channel();

    let mut judge = Contained::spawn(walled(JUDGE), answers, to_candidate)?;
    listen_to_judge(&mut judge.0, tell.clone());
    // The job goes first into the pipe on which the candidate answers later: nobody else holds it yet. A judge that
    // ended already is found out by what it did not say.
    let _ = to_judge.write_all(&job(program, &nonce));
    let mut candidate = Contained::spawn(walled(CANDIDATE), calls, to_judge)?;
    let printed = listen_to_candidate(&mut candidate.0, limits.output, tell);

    let bytes = match wait(&heard, deadline) {
        Ok(bytes) => bytes,
        Err(verdict) => return Ok(verdict),
    };
    let said = match said(&bytes, &nonce, program) {
        Ok(said) => said,
        // The code's answers can burden the tests until a limit ends them: that is no fault of the tests.
        Err(error) => return signalled(judge.ended()).ok_or(error),
    };
    let verdict = match said {
        Said::Passed => ProgramVerdict::Passed,
        Said::Failed { reason } => ProgramVerdict::Failed { reason },
        Said::Memory => ProgramVerdict::OutOfMemory,
        Said::Flood => ProgramVerdict::OutputLimit,
        Said::Broken { reason } => return Err(SandboxError::Tests { entry: program.entry.to_owned(), reason }),
        Said::Gone => gone(candidate.ended()),
    };
    drop(candidate);
    // Only now is all of its output there to be counted: a verdict must not hang on which thread was faster.
    let within = printed.join().unwrap_or(false);
    Ok(if within { verdict } else { ProgramVerdict::OutputLimit })
}

/// What the judge said, or the verdict of who watches.
fn wait(heard: &Receiver<Heard>, deadline: Instant) -> Result<Vec<u8>, ProgramVerdict> {
    match heard.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Heard::Judge(bytes)) => Ok(bytes),
        Ok(Heard::Flood) => Err(ProgramVerdict::OutputLimit),
        Err(RecvTimeoutError::Timeout) => Err(ProgramVerdict::TimedOut),
        // The judge's listener tells before it ends.
        Err(RecvTimeoutError::Disconnected) => Ok(Vec::new()),
    }
}

/// The judge's job as a line of JSON.
fn job(program: &CandidateProgram, nonce: &str) -> Vec<u8> {
    let CandidateProgram { code, entry, setup, test } = program;
    let job = serde_json::json!({ "nonce": nonce, "code": code, "entry": entry, "setup": setup, "test": test });
    format!("{job}\n").into_bytes()
}

/// Random, and new for every run, in hexadecimal.
fn nonce() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The words behind the nonce; anything else is no verdict.
fn said(bytes: &[u8], nonce: &str, program: &CandidateProgram) -> Result<Said, SandboxError> {
    let text = String::from_utf8_lossy(bytes);
    let behind = text.strip_prefix(nonce).map(serde_json::from_str);
    match behind {
        Some(Ok(said)) => Ok(said),
        _ => Err(SandboxError::Silent { entry: program.entry.to_owned(), said: text.trim().to_owned() }),
    }
}

/// What became of a candidate that left a call unanswered.
fn gone(status: Option<ExitStatus>) -> ProgramVerdict {
    signalled(status).unwrap_or_else(|| ProgramVerdict::Failed {
        reason: match status.and_then(|status| status.code()) {
            None => "it closed its pipes before it answered".to_owned(),
            Some(code) => format!("it exited with status {code} before it answered"),
        },
    })
}

/// What a signal that ended a process says; `None` where none did.
fn signalled(status: Option<ExitStatus>) -> Option<ProgramVerdict> {
    match status?.code()? - SIGNALLED {
        libc::SIGXCPU => Some(ProgramVerdict::TimedOut),
        signal @ 1.. => Some(ProgramVerdict::Killed { signal }),
        _ => None,
    }
}

fn listen_to_judge(judge: &mut Child, tell: Sender<Heard>) {
    let stderr = judge.stderr.take();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stderr) = stderr {
            // What cannot be read is missing from the verdict, which then is none.
            let _ = stderr.take(LONGEST_VERDICT as u64).read_to_end(&mut bytes);
        }
        // Nobody listens any more where the time is over.
        let _ = tell.send(Heard::Judge(bytes));
    });
}

/// Counts what the code prints; the thread ends with whether that was within the limit.
fn listen_to_candidate(candidate: &mut Child, limit: usize, tell: Sender<Heard>) -> JoinHandle<bool> {
    let stderr = candidate.stderr.take();
    thread::spawn(move || {
        let Some(stderr) = stderr else { return true };
        let read = io::copy(&mut stderr.take(limit as u64 + 1), &mut io::sink());
        let within = read.is_ok_and(|bytes| bytes <= limit as u64);
        if !within {
            let _ = tell.send(Heard::Flood);
        }
        within
    })
}
