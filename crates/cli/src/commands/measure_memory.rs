//! `plimsoll measure-memory`
use crate::args::MeasureMemory;
use crate::settings::Settings;
pub fn run(_command: &MeasureMemory, _settings: Settings) -> anyhow::Result<()> {
    Ok(())
}
