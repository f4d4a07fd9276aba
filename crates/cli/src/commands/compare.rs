//! `plimsoll compare`
use crate::args::Compare;
use crate::settings::Settings;
pub fn run(_command: &Compare, _settings: Settings, _as_json: bool) -> anyhow::Result<()> {
    Ok(())
}
