//! `plimsoll compare`

use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use plimsoll_panel::{Detail, ReportPaths, Style as TextStyle, render_text, write_report};

use super::compare_before;
use crate::args::Compare;
use crate::measured::{Measured, Told, measured};
use crate::mistake::Mistake;
use crate::notice::say;
use crate::settings::Settings;
use crate::style::Style;
use crate::{demo, model};

/// Measures two models, prints them side by side and writes the report; of models without files says what is predicted.
pub fn run(command: &Compare, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    if let (Some(only), None) = (&command.a, &command.b) {
        return Err(Mistake::error(
            format!("`{only}` is one model, and two are compared"),
            format!("plimsoll compare {only} OTHER; `plimsoll info` and `plimsoll eval` look at one alone"),
        ));
    }
    let a = command.a.as_deref().unwrap_or(demo::NAMES[0]);
    let b = command.b.as_deref().unwrap_or(demo::NAMES[1]);
    // Who waits for a measurement's progress wants nothing else.
    if !command.progress_json
        && let Some(cards) = compare_before::cards(a, b, command.on.device.as_deref())?
    {
        return compare_before::run(cards, command, &settings, as_json);
    }
    if !command.no_report {
        require_writable(&command.report)?;
    }
    if model::locate(a)? == model::locate(b)? {
        say("note: A and B are the same files: what differs between them below is chance");
    }
    let told = if command.progress_json { Told::JsonLines } else { Told::Bar };
    let Measured { report, rubric } = measured(a, b, &command.measure, &settings, told)?;
    let mut written = String::new();
    if !command.no_report {
        let paths = ReportPaths::of(&command.report, &report);
        let replaced = write_report(&paths, &report, &rubric.text)?;
        let verb = |path: &Path| if replaced.iter().any(|old| old == path) { " (replaced)" } else { "" };
        let [html, json] = [&paths.html, &paths.json].map(|path| format!("{}{}", path.display(), verb(path)));
        written = format!("\nreport: {html}\n        {json}\n");
    }
    if as_json {
        return super::print_json(&report);
    }
    let style = if Style::stdout().coloured() { TextStyle::Ansi } else { TextStyle::Plain };
    let mut out = std::io::stdout().lock();
    let detail = if command.full { Detail::Full } else { Detail::Summary };
    // The verdict is last, where a terminal stops, and first, where a pager and a log begin.
    write!(out, "{}{written}", render_text(&report, style, detail))?;
    Ok(())
}

/// Finds out now, and not after the measurements, that the report has no place.
pub(super) fn require_writable(folder: &Path) -> anyhow::Result<()> {
    if !folder.is_dir() {
        bail!("{}: no such folder for the report", folder.display());
    }
    tempfile::tempfile_in(folder).with_context(|| format!("{}: the report cannot be written", folder.display()))?;
    Ok(())
}
