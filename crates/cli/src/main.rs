//! `plimsoll`: which open-weight model to ship on this device, and will it float?
#![forbid(unsafe_code)]

mod answer;
mod args;
mod card;
mod catalogue;
mod chat;
mod commands;
mod conversation;
mod demo;
mod evaluation;
mod evidence;
mod failure;
mod hub_cache;
mod interrupt;
mod licence;
mod licence_notice;
mod model;
mod notice;
mod places;
mod progress;
mod rows;
mod settings;
mod show;
mod style;
mod use_args;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before arguments are parsed: inside the sandbox this program is only the step before Python.
    plimsoll_sandbox::enter_if_asked();
    let args = args::Args::parse();
    match commands::run(&args) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
