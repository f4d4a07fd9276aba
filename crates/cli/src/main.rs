//! `plimsoll`: which open-weight model to ship on this device, and will it float?
#![forbid(unsafe_code)]

mod answer;
mod args;
mod chat;
mod commands;
mod conversation;
mod demo;
mod failure;
mod interrupt;
mod model;
mod notice;
mod progress;
mod settings;
mod show;
mod style;

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
