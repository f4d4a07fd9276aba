//! `plimsoll compare`

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plimsoll_lab::record::listed;
use plimsoll_panel::{
    Detail, ReportError, ReportPaths, Sealed, Style as TextStyle, render_field, render_text, shown_text, write_field,
    write_report,
};

use super::compare_before;
use crate::args::Compare;
use crate::measured::{ComparisonRun, ProgressStyle, measured, measured_field};
use crate::mistake::Mistake;
use crate::notice::say;
use crate::output;
use crate::settings::Settings;
use crate::style::Style;
use crate::{demo, interrupt, model};

/// Measures models, prints them side by side and writes the report; of models without files says what is predicted.
pub fn run(command: &Compare, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    if command.progress_json {
        interrupt::end_with_input();
    }
    let named: Vec<&str> = command.models.iter().map(String::as_str).collect();
    let models = if named.is_empty() { vec![demo::NAMES[0], demo::NAMES[1]] } else { named };
    if let [only] = models[..] {
        return Err(Mistake::error(
            format!("`{only}` is one model, and two are compared"),
            format!("plimsoll compare {only} OTHER; `plimsoll info` and `plimsoll eval` look at one alone"),
        ));
    }
    // Who waits for a measurement's progress wants nothing else.
    if !command.progress_json
        && let Some(cards) = compare_before::cards(&models, command.on.device.as_deref())?
    {
        return compare_before::run(&models, &cards, command, &settings, as_json);
    }
    if !command.no_report {
        require_writable(&command.report)?;
    }
    let files = models.iter().map(|model| model::locate(model)).collect::<anyhow::Result<Vec<_>>>()?;
    if let Some(note) = same_files(&models, &files) {
        say(note);
    }
    let progress_style = if command.progress_json { ProgressStyle::JsonLines } else { ProgressStyle::Bar };
    let style = if Style::stdout().coloured() { TextStyle::Ansi } else { TextStyle::Plain };
    let detail = if command.full { Detail::Full } else { Detail::Summary };
    if let [a, b] = models[..] {
        let ComparisonRun { report, rubric } = measured(a, b, &command.measure, &settings, progress_style)?;
        let paths = ReportPaths::of(&command.report, &report.ids());
        let written = written(command, &paths, || write_report(&paths, &report, &rubric.text))?;
        return if as_json {
            output::print_json(&Sealed::new(&report))
        } else {
            print(&render_text(&report, style, detail), &written)
        };
    }
    let ComparisonRun { report, rubric } = measured_field(&models, &command.measure, &settings, progress_style)?;
    let paths = ReportPaths::of(&command.report, &report.ids());
    let written = written(command, &paths, || write_field(&paths, &report, &rubric.text))?;
    if as_json {
        output::print_json(&Sealed::new(&report))
    } else {
        print(&render_field(&report, style, detail), &written)
    }
}

/// Which of the models are the same files, if any are.
fn same_files(models: &[&str], files: &[String]) -> Option<String> {
    let mut groups: Vec<(&String, Vec<String>)> = Vec::new();
    for (model, file) in models.iter().zip(files) {
        let named = shown_text(model, 60);
        match groups.iter_mut().find(|(of, _)| *of == file) {
            Some((_, names)) => names.push(named),
            None => groups.push((file, vec![named])),
        }
    }
    let same = groups.iter().filter(|(_, names)| names.len() > 1);
    let same: Vec<String> = same
        .map(|(_, names)| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            format!("{} are the same files", listed(&names))
        })
        .collect();
    (!same.is_empty()).then(|| format!("note: {}: what differs between them below is chance", same.join(", and ")))
}

/// Writes the report unless none is wanted; returns what is said of that.
fn written(
    command: &Compare,
    paths: &ReportPaths,
    write: impl FnOnce() -> Result<Vec<PathBuf>, ReportError>,
) -> anyhow::Result<String> {
    if command.no_report {
        return Ok(String::new());
    }
    let replaced = write()?;
    let verb = |path: &Path| if replaced.iter().any(|old| old == path) { " (replaced)" } else { "" };
    let [html, json] = [&paths.html, &paths.json].map(|path| format!("{}{}", path.display(), verb(path)));
    Ok(format!("\nreport: {html}\n        {json}\n"))
}

/// The verdict is last, where a terminal stops, and first, where a pager and a log begin.
fn print(text: &str, written: &str) -> anyhow::Result<()> {
    write!(std::io::stdout().lock(), "{text}{written}")?;
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

#[cfg(test)]
mod tests {
    use super::same_files;

    #[test]
    fn all_models_that_are_the_same_files_are_named_as_such() {
        let told = |models: &[&str], files: &[&str]| {
            same_files(models, &files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(told(&["a", "b", "c"], &["1", "2", "3"]), None);
        let chance = "what differs between them below is chance";
        let three = told(&["a", "b", "c"], &["1", "1", "1"]);
        assert_eq!(three, Some(format!("note: a, b and c are the same files: {chance}")));
        let pairs = told(&["a", "b", "c", "d", "e"], &["1", "2", "1", "2", "3"]).unwrap();
        assert_eq!(pairs, format!("note: a and c are the same files, and b and d are the same files: {chance}"));
    }
}
