//! A licence that does not allow commerce is told once for each model, on standard error. Nothing is sent anywhere.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;

use plimsoll_models::Checkpoint;

use crate::licence::{self, Licensing};
use crate::notice::say;
use crate::places;

/// A file that has grown beyond this is read no further: the notice is repeated.
const MAX_TOLD: u64 = 1 << 20;

/// Says what the licence of a model denies, unless it was said before.
///
/// # Errors
/// The catalogue cannot be read. That the state cannot be kept is none: then it is said again.
pub fn tell_once(argument: &str, checkpoint: &Checkpoint) -> anyhow::Result<()> {
    let (licensing, _) = licence::of_checkpoint(argument, checkpoint, None)?;
    let Some(warning) = licensing.warning() else { return Ok(()) };
    let (file, line) = (told_file(), line(argument, checkpoint, &licensing));
    if file.as_ref().is_some_and(|file| was_told(file, &line)) {
        return Ok(());
    }
    say(format_args!(
        "note: {}\n      (said once; `plimsoll info` has all its terms)",
        plimsoll_panel::shown_text(&warning, 600)
    ));
    if let Some(file) = file {
        let _ = remember(&file, &line);
    }
    Ok(())
}

fn told_file() -> Option<PathBuf> {
    places::state().map(|state| state.join("licences-told"))
}

/// The weights and the licence in one line: another licence of the same files is news.
fn line(argument: &str, checkpoint: &Checkpoint, licensing: &Licensing) -> String {
    let weights = checkpoint.path.as_ref().and_then(|path| path.canonicalize().ok());
    let weights = weights.map_or_else(|| argument.to_owned(), |path| path.display().to_string());
    let said: Vec<&str> = licensing.terms.sources.iter().map(|reading| reading.said.as_str()).collect();
    let licence = licensing.terms.expression.clone().unwrap_or_else(|| said.join(", "));
    format!("{weights:?} {licence:?}")
}

fn was_told(file: &PathBuf, line: &str) -> bool {
    let small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= MAX_TOLD);
    small && fs::read_to_string(file).is_ok_and(|told| told.lines().any(|told| told == line))
}

fn remember(file: &PathBuf, line: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    // One write of one line: two processes at once leave two whole lines.
    OpenOptions::new().create(true).append(true).open(file)?.write_all(format!("{line}\n").as_bytes())
}
