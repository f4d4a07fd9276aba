//! The last steps inside: our own program, started by bubblewrap, binds its own hands and becomes another.

mod files;
mod resources;
mod scratch;
mod syscalls;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use crate::Limits;

/// The argument by which our program knows that it stands inside.
pub(crate) const ARGUMENT: &str = "sandbox-child";
/// Status where it could not bind itself, and therefore ran nothing.
const FAILED: i32 = 125;

/// Whether this program goes inside when it is started there: libraries cannot know what `main` does.
static ENTERS: AtomicBool = AtomicBool::new(false);

/// Whether [`enter_if_asked`] was called.
pub(crate) fn enters() -> bool {
    ENTERS.load(Ordering::Relaxed)
}

/// What to become, within which limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub limits: Limits,
    /// Whether there is a `/tmp` to write to; otherwise nothing can be written.
    pub scratch: bool,
    pub program: PathBuf,
    pub arguments: Vec<String>,
}

impl Task {
    /// As one argument of a command line.
    pub fn to_argument(&self) -> String {
        serde_json::to_string(self).expect("paths that Python told as JSON, numbers and text")
    }
}

/// Where the program was started as the inside of a sandbox: binds itself and becomes what it was told to, and does not
/// return. Every program that uses a [`crate::Sandbox`] calls this before anything else.
pub fn enter_if_asked() {
    ENTERS.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|first| first != ARGUMENT) {
        return;
    }
    let error = enter(arguments.next().unwrap_or_default());
    eprintln!("inside the sandbox: {error}");
    std::process::exit(FAILED);
}

/// Comes back only with the reason why it could not go on.
fn enter(task: OsString) -> Box<dyn std::error::Error> {
    let bound = || -> Result<Task, Box<dyn std::error::Error>> {
        let task: Task = serde_json::from_slice(task.as_encoded_bytes())?;
        if task.scratch {
            scratch::mount(&task.limits)?;
        }
        resources::limit(&task.limits)?;
        files::limit(task.scratch)?;
        // Last, for the steps above need calls that it forbids.
        syscalls::limit()?;
        Ok(task)
    };
    match bound() {
        Ok(Task { program, arguments, .. }) => Command::new(program).args(arguments).exec().into(),
        Err(error) => error,
    }
}
