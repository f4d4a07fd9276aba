//! From an error to what a person reads: the message, then what to do.

mod fetch;
mod files;
mod hint;

use std::io;
use std::process::ExitCode;

use plimsoll_panel::shown_text;

use crate::notice::say;
use crate::style::Style;
use hint::hint;

/// Characters of a line of a message; what is longer was written to annoy.
const LONGEST_LINE: usize = 4000;

/// Prints an error with its causes and a hint; the exit status is `status`. Output that nobody reads
/// any more (a closed pipe) is no failure.
pub fn report(error: &anyhow::Error, status: u8) -> ExitCode {
    let closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed_pipe) {
        return ExitCode::SUCCESS;
    }
    tell(error);
    ExitCode::from(status)
}

/// The message and the hint.
pub fn tell(error: &anyhow::Error) {
    let style = Style::stderr();
    say(format_args!("{} {}", style.red("error:"), printable(&message(error))));
    if let Some(hint) = error.chain().find_map(hint) {
        say(format_args!("\n{} {}", style.bold("hint:"), printable(&hint)));
    }
}

/// Messages quote files, and a file may hold what a terminal obeys; lines stay lines.
fn printable(message: &str) -> String {
    message.split('\n').map(|line| shown_text(line, LONGEST_LINE)).collect::<Vec<_>>().join("\n")
}

/// The error and its causes in one line; what a message tells already is not told again.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| {
        if told.is_empty() {
            cause
        } else if told.ends_with(&cause) {
            told
        } else {
            format!("{told}: {cause}")
        }
    })
}
