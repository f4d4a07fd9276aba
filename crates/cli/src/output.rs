//! What every command gives back: JSON documents, and exit statuses that are answers.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use plimsoll_lab::standing::Standing;
use serde::Serialize;

use crate::mistake::Mistake;

/// Writes one JSON document and a newline to standard output.
pub fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    // As an I/O error, so that a closed pipe is known for one.
    serde_json::to_writer_pretty(&mut out, value).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// Exit status of a check that could not be made: no answer, where 1 and 2 are answers.
pub const ERROR: u8 = 3;

/// The exit status of a check: 0 passed, 1 failed, and 2 where it did not look at everything that it was to look at.
pub fn status_of(standing: Standing) -> ExitCode {
    ExitCode::from(match standing {
        Standing::Passed => 0,
        Standing::Failed => 1,
        Standing::Inconclusive => 2,
    })
}

/// Leaves a file alone that is already there, unless it is to be replaced.
///
/// # Errors
/// It is there and to stay.
pub fn refuse_taken(path: &Path, force: bool) -> anyhow::Result<()> {
    if force || !path.exists() {
        return Ok(());
    }
    let hint = "-o FILE writes another file, --force takes its place";
    Err(Mistake::error(format!("`{}` is already there", path.display()), hint))
}
