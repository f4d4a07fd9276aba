//! `plimsoll eval`

mod code;
mod mmlu;
mod suite;
mod text;

use std::process::ExitCode;

use anyhow::bail;
use plimsoll_engine::Session;
use plimsoll_lab::code::CODE;
use plimsoll_lab::prompted::Prompting;

use crate::args::{Eval, PromptingArg};
use crate::settings::Settings;
pub use suite::say_what_is_short;

/// Runs a suite, has programs written, asks a benchmark's questions, or measures a text.
pub fn run(command: &Eval, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    if let Some(path) = &command.humaneval {
        return code::humaneval(command, path, settings, as_json);
    }
    match (&command.suite, &command.mmlu, &command.text) {
        (Some(name), _, _) if name == CODE => return code::builtin(command, settings, as_json),
        (Some(name), _, _) => {
            let about_programs = command.prompting.is_some() || command.samples.get() > 1 || command.temperature != 0.0;
            if about_programs || command.k.iter().any(|k| k.get() > 1) {
                bail!(
                    "--prompting, --samples, --k and --temperature are for programs and MMLU, not for suite `{name}`"
                );
            }
            suite::run(command, name, settings, as_json)?;
        }
        (None, Some(folder), _) => mmlu::run(command, folder, settings, as_json)?,
        (None, None, Some(path)) => text::run(command, path, settings, as_json)?,
        (None, None, None) => unreachable!("the arguments require one of them"),
    }
    Ok(ExitCode::SUCCESS)
}

/// How the model is to be asked: what was wanted, else what suits it.
fn prompting(command: &Eval, session: &Session) -> Prompting {
    match command.prompting {
        Some(PromptingArg::Chat) => Prompting::Chat,
        Some(PromptingArg::Base) => Prompting::Base,
        None => Prompting::of(session),
    }
}

/// How it was asked, in words.
fn words(prompting: Prompting) -> &'static str {
    match prompting {
        Prompting::Chat => "chat prompting, by its own template",
        Prompting::Base => "base prompting, as a text to continue",
    }
}
