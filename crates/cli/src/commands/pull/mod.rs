//! `plimsoll pull`

mod from_hub;
mod from_ollama;
mod preview;
mod shown;
mod source;

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use plimsoll_fetch::{Cancel, FetchError};
use serde_json::Value;

use crate::args::Pull;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::{demo, hub, interrupt, model};
use source::Source;

/// Tells what a model takes, asks, and fetches it.
///
/// # Errors
/// There is no such model, it cannot be had, or nobody said yes.
pub fn run(command: &Pull, as_json: bool) -> anyhow::Result<ExitCode> {
    let source = Source::of(&command.model)?;
    if command.offline || hub::is_offline() {
        return here(command, &source, as_json).map(|()| ExitCode::SUCCESS);
    }
    let done = match source {
        Source::Hub { reference, card } => from_hub::pull(command, &reference, card, as_json),
        Source::Ollama(reference) => from_ollama::pull(command, &reference, as_json),
    };
    // Whoever pressed Ctrl-C made no mistake.
    if let Some(stopped @ FetchError::Cancelled) = done.as_ref().err().and_then(|error| error.downcast_ref()) {
        say(stopped);
        return Ok(ExitCode::from(interrupt::EXIT));
    }
    done.map(|()| ExitCode::SUCCESS)
}

/// Fetches a model that is to be opened next and is not here, if whoever sits at the terminal wants it. Nothing happens where
/// it is here, where nobody can be asked, or where the name stands for nothing that can be fetched: opening it tells why.
///
/// # Errors
/// As [`run`].
pub fn offered(model: &str) -> anyhow::Result<ExitCode> {
    model::refuse_own_code(model)?;
    let is_here =
        || model::locate(model).is_ok_and(|files| Path::new(&files).exists() || demo::files(&files).is_some());
    let can_be_asked = std::io::stdin().is_terminal() && !hub::is_offline();
    if !can_be_asked || is_here() || Source::of(model).is_err() {
        return Ok(ExitCode::SUCCESS);
    }
    say(format_args!("`{model}` is not on this machine yet"));
    run(&Pull::before_opening(model), false)
}

/// What is here without asking anybody.
fn here(command: &Pull, source: &Source, as_json: bool) -> anyhow::Result<()> {
    let name = source.name();
    let Some(path) = crate::fetched::find(&name) else {
        let hint = "without --offline (and HF_HUB_OFFLINE) it is fetched";
        return Err(Mistake::error(format!("`{}` is not on this machine as {name}", command.model), hint));
    };
    if as_json {
        return crate::output::print_json(&serde_json::json!({ "name": name, "path": path, "fetched": 0 }));
    }
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}

/// Asks whether to go on; where nobody can answer, only `--yes` is an answer.
///
/// # Errors
/// The answer is no, or there is nobody to ask.
pub fn ask(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        let hint = "--yes goes on without a question, --dry-run only tells";
        return Err(Mistake::error("nobody is here to be asked: the input is no terminal", hint));
    }
    let mut err = std::io::stderr();
    write!(err, "\n{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let is_yes = ["y", "yes"].contains(&answer.trim().to_lowercase().as_str());
    if is_yes { Ok(()) } else { Err(Mistake::error("nothing was changed", "answer y, or give --yes")) }
}

/// A flag that Ctrl-C sets: what came is kept. A second Ctrl-C ends the program at once.
fn cancel_at_interrupt() -> anyhow::Result<Cancel> {
    let cancel = Cancel::default();
    let set = cancel.clone();
    let handler = move || {
        if set.is_cancelled() {
            std::process::exit(i32::from(interrupt::EXIT));
        }
        set.cancel();
    };
    interrupt::take_over(handler)?;
    Ok(cancel)
}

/// The repository that a name of the catalogue stands for.
pub fn repository(name: &str) -> Option<String> {
    match Source::of(name).ok()? {
        Source::Hub { reference, .. } => Some(reference.repository),
        Source::Ollama(_) => None,
    }
}

/// What was fetched, in the end.
fn tell_done(command: &Pull, path: &Path, value: Value, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return crate::output::print_json(&value);
    }
    if command.is_opened_next {
        return Ok(());
    }
    say(format_args!("\n`plimsoll run {}` opens it", path.display()));
    writeln!(std::io::stdout(), "{}", path.display())?;
    Ok(())
}
