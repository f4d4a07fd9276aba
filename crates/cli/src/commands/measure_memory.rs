//! `plimsoll measure-memory`: the fresh process in which `compare` starts a model.

use plimsoll_lab::bench;
use plimsoll_runtime::CacheType;

use crate::args::MeasureMemory;
use crate::output;
use crate::settings::Settings;
use crate::{interrupt, model};

/// Loads a model, answers once, fills its context, and prints what that took as JSON, unless `compare` ends before.
pub fn run(command: &MeasureMemory, settings: Settings) -> anyhow::Result<()> {
    interrupt::end_with_input();
    let options = model::session_options(settings, command.filling.context, CacheType::default());
    let files = model::locate(&command.model)?;
    let filling = command.filling.read()?;
    output::print_json(&bench::measure_start(|| model::open_files(&files), &options, &filling)?)
}
