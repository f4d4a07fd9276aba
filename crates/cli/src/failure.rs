//! From an error to what a person reads: the message, then what to do.

use std::io;
use std::process::ExitCode;

use plimsoll_engine::{SessionError, TokenizerError};
use plimsoll_formats::FormatError;
use plimsoll_models::ModelError;
use plimsoll_runtime::LoadError;

use crate::style::Style;

/// Prints an error with its causes and a hint; the exit status is 1. Output that nobody reads
/// any more (a closed pipe) is no failure.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let closed_pipe = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed_pipe) {
        return ExitCode::SUCCESS;
    }
    let style = Style::stderr();
    eprintln!("{} {error:#}", style.red("error:"));
    if let Some(hint) = error.chain().find_map(hint) {
        eprintln!("\n{} {hint}", style.bold("hint:"));
    }
    ExitCode::FAILURE
}
