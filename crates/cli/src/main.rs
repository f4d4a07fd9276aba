//! `plimsoll`: which open-weight model to ship on this device, and will it float?
#![forbid(unsafe_code)]

mod allocation;
mod answer;
mod answering;
mod args;
mod card;
mod catalogue;
mod chat;
mod chat_template;
mod commands;
mod demo;
mod device;
mod evaluation;
mod evidence;
mod failure;
mod fetched;
mod filling;
mod hub;
mod hub_cache;
mod identity;
mod images;
mod interrupt;
mod licence;
mod licence_notice;
mod loss;
mod measured;
mod mistake;
mod model;
mod notice;
mod other_words;
mod output;
mod piped;
mod places;
mod predicted;
mod progress;
mod questions;
mod recipe;
mod rows;
mod settings;
mod style;
mod weighing;
mod wrong_download;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};

fn main() -> ExitCode {
    // Before arguments are parsed: inside the sandbox this program is only the step before Python.
    plimsoll_sandbox::enter_if_asked();
    let args = match args::Args::try_parse() {
        Ok(args) => args,
        Err(error) if error.use_stderr() && asked_for_check() => {
            notice::say(error.render());
            return ExitCode::from(output::ERROR);
        }
        Err(error) => match word_of_others(&error) {
            Some(meant) => {
                notice::say(format_args!("error: `{}` is no command here\n\nhint: {}", meant.0, meant.1));
                return ExitCode::from(2);
            }
            None => error.exit(),
        },
    };
    match commands::run(&args) {
        Ok(code) => code,
        // Where 1 and 2 are answers, an error is neither.
        Err(error) => failure::report(&error, if asked_for_check() { output::ERROR } else { 1 }),
    }
}

/// The command of another program that stands in the place of one, and what is meant here.
fn word_of_others(error: &clap::Error) -> Option<(String, &'static str)> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else { return None };
    let is_model = || demo::files(word).is_some() || word.ends_with(".gguf") || std::path::Path::new(word).exists();
    let meant = other_words::meant(word).or_else(|| is_model().then_some(other_words::A_MODEL))?;
    Some((word.clone(), meant))
}

/// Whether the commands on the line are those of a check, whose mistakes have an exit status of their own.
fn asked_for_check() -> bool {
    let mut command = &args::Args::command();
    let mut asked: Vec<String> = Vec::new();
    for word in std::env::args_os().skip(1) {
        if let Some(found) = command.get_subcommands().find(|known| word == known.get_name()) {
            asked.push(found.get_name().to_owned());
            command = found;
        }
    }
    commands::CHECKS.iter().any(|check| asked.iter().zip(*check).filter(|(a, b)| a == b).count() == check.len())
}
