//! `plimsoll measure-memory`: the fresh process in which `compare` starts a model.

use plimsoll_engine::SessionOptions;
use plimsoll_lab::bench;

use crate::args::MeasureMemory;
use crate::model;
use crate::settings::Settings;

/// Loads a model, answers once, and prints what that took as JSON.
pub fn run(command: &MeasureMemory, settings: Settings) -> anyhow::Result<()> {
    let options = SessionOptions { isa: settings.isa, threads: settings.threads, ..Default::default() };
    super::print_json(&bench::measure_start(|| model::open_files(&command.model), &options)?)
}
