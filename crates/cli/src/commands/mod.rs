//! One file for each command.

mod bench;
mod catalog;
mod compare;
mod compare_before;
mod completions;
pub mod eval;
mod evidence;
mod export;
pub mod fit;
pub mod gate;
mod history;
mod imatrix;
mod info;
mod measure_memory;
mod models;
pub mod pull;
mod quantize;
mod run;
mod serve;
mod template;
mod tokenize;
pub mod verify;
mod votes;

use std::process::ExitCode;

use crate::args::{Args, Command, Compare};
use crate::catalogue;
use crate::settings::Settings;

/// Runs the command asked for; without one, the comparison of the embedded models.
///
/// # Errors
/// Whatever went wrong, to be shown by `failure::report`.
pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let settings = Settings::new(&args.common)?;
    let json = args.common.json;
    if let Some(folder) = &args.common.catalog {
        catalogue::use_folder(folder);
        // Whether or not the command asks for a card: what was named and cannot be read is no folder of cards.
        catalogue::open()?;
    }
    match &args.command {
        None => compare::run(&Compare::demo(), settings, json)?,
        Some(Command::Run(command)) => return run::run(command, settings, json),
        Some(Command::Info(command)) => info::run(command, settings, json)?,
        Some(Command::Fit(command)) => fit::run(command, &settings, json)?,
        Some(Command::Catalog(command)) => catalog::run(command, json)?,
        Some(Command::Pull(command)) => return pull::run(command, json),
        Some(Command::Models(command)) => return models::run(command, json),
        Some(Command::Quantize(command)) => return quantize::run(command, &settings, json),
        Some(Command::Export(command)) => return export::run(command, &settings, json),
        Some(Command::Imatrix(command)) => imatrix::run(command, &settings, json)?,
        Some(Command::Verify(command)) => return verify::run(command, settings, json),
        Some(Command::Tokenize(command)) => tokenize::run(command, &settings)?,
        Some(Command::Template(command)) => template::run(command, &settings, json)?,
        Some(Command::Bench(command)) => bench::run(command, settings, json)?,
        Some(Command::Eval(command)) => return eval::run(command, settings, json),
        Some(Command::Compare(command)) => compare::run(command, settings, json)?,
        Some(Command::Gate(command)) => return gate::run(command, &settings, json),
        Some(Command::History(command)) => history::run(command, json)?,
        Some(Command::Evidence(command)) => return evidence::run(command, json),
        Some(Command::Votes(command)) => return votes::run(command, json),
        Some(Command::Serve(command)) => serve::run(command, &settings, args)?,
        Some(Command::Completions(command)) => completions::run(command)?,
        Some(Command::Man(command)) => completions::man(command)?,
        Some(Command::MeasureMemory(command)) => measure_memory::run(command, settings)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of the commands that answer by their exit status: `gate`, or a command and what is asked of it.
pub const CHECKS: [&[&str]; 5] =
    [&["gate"], &["verify"], &["models", "verify"], &["evidence", "check"], &["votes", "audit"]];
