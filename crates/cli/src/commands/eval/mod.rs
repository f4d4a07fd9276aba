//! `plimsoll eval`

mod code;
mod mmlu;
mod prompting;
mod rates;
mod suite;
mod text;

use std::process::ExitCode;

use anyhow::bail;
use plimsoll_lab::code::CODE;

use crate::args::Eval;
use crate::settings::Settings;

/// Runs a suite, asks the questions of files, has programs written, or measures a text.
pub fn run(command: &Eval, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    refuse_idle_flags(command)?;
    if let Some(path) = &command.humaneval {
        return code::humaneval(command, path, settings, as_json);
    }
    match (&command.suite, &command.mmlu, &command.text) {
        (Some(name), _, _) if name == CODE => return code::builtin(command, settings, as_json),
        (Some(name), _, _) => suite::builtin(command, name, settings, as_json)?,
        (None, Some(folder), _) => mmlu::run(command, folder, settings, as_json)?,
        (None, None, Some(path)) => text::run(command, path, settings, as_json)?,
        (None, None, None) if command.questions.are_given() => return suite::read(command, settings, as_json),
        (None, None, None) => {
            bail!("--items says how many and not of what: name a --suite or a --benchmark, or a file of questions");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses flags that what is asked has no use for.
fn refuse_idle_flags(command: &Eval) -> anyhow::Result<()> {
    let named = command.suite.is_some() || command.humaneval.is_some() || command.mmlu.is_some();
    if (named || command.text.is_some()) && command.questions.files().next().is_some() {
        bail!(
            "--items names a file of questions beside other questions; ask each by itself, or both of two --benchmark"
        );
    }
    if command.text.is_some() && !command.questions.items.is_empty() {
        bail!("--items is for questions, not for a text");
    }
    let samples = command.samples.get() > 1 || command.temperature != 0.0 || command.k.iter().any(|k| k.get() > 1);
    let is_code = command.humaneval.is_some() || command.suite.as_deref() == Some(CODE);
    let asks_benchmark = command.mmlu.is_some() || !command.questions.benchmark.is_empty();
    if command.text.is_none() && !is_code && (samples || (command.prompting.is_some() && !asks_benchmark)) {
        let what = command.suite.as_ref().map_or("these questions".to_owned(), |name| format!("suite `{name}`"));
        bail!("--prompting, --samples, --k and --temperature are for programs and benchmarks, not for {what}");
    }
    if is_code && !command.stress.is_empty() {
        bail!("--stress wears pictures, and programs have none");
    }
    Ok(())
}
