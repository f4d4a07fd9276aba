//! The last steps inside: our own program, started by bubblewrap, binds its own hands and becomes Python.

mod files;
mod resources;
mod syscalls;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Limits;

/// The argument by which our program knows that it stands inside.
pub(crate) const ARGUMENT: &str = "sandbox-child";
/// Status where it could not bind itself, and therefore ran nothing.
const FAILED: i32 = 125;

/// What to become, within which limits.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub limits: Limits,
    pub python: PathBuf,
    pub script: String,
}

impl Task {
    /// As one argument of a command line.
    pub fn to_argument(&self) -> String {
        serde_json::to_string(self).expect("paths that Python told as JSON, numbers and text")
    }
}

/// Where the program was started as the inside of a sandbox: binds itself and becomes Python, and does not return.
/// Every program that uses a [`crate::Sandbox`] calls this before anything else.
pub fn enter_if_asked() {
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
        resources::limit(&task.limits)?;
        files::limit()?;
        // Last, for the steps above need calls that it forbids.
        syscalls::limit()?;
        Ok(task)
    };
    match bound() {
        Ok(Task { python, script, .. }) => {
            Command::new(python).args(["-I", "-S", "-B", "-X", "utf8", "-c", &script]).exec().into()
        }
        Err(error) => error,
    }
}
