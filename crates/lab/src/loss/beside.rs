//! The loss of an exported model as a file beside it says it: what a graph has no place for.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_formats::FormatError;
use plimsoll_models::Checkpoint;
use serde::{Deserialize, Serialize};

use super::Stored;

/// The file, in the model's folder.
pub const FILE: &str = "plimsoll-loss.json";
/// What MLX's weights are called in it, however many files they are.
const WEIGHTS: &str = "weights";

/// A loss, and whose predictions it was measured by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredBy {
    /// The engine with its version; nothing where this program computed.
    pub engine: Option<String>,
    /// What was measured.
    #[serde(flatten)]
    pub stored: Stored,
}

/// Losses by what in the folder they are of ([`key`]).
pub type Losses = BTreeMap<String, MeasuredBy>;

/// What a checkpoint is called in the file: the graph that it is, or its weights.
pub fn key(checkpoint: &Checkpoint) -> String {
    let graph = checkpoint.graphs().and_then(|graphs| graphs.decoder.file_name());
    graph.map_or_else(|| WEIGHTS.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What the file beside a model says of its loss, if there is one that says anything.
///
/// # Errors
/// It cannot be read, or says something else.
pub fn read(checkpoint: &Checkpoint) -> Result<Option<MeasuredBy>, FormatError> {
    let Some((name, text)) = checkpoint.settings_file(FILE)? else { return Ok(None) };
    let losses: Losses = serde_json::from_str(&text)
        .map_err(|error| FormatError::malformed(&name, format!("is no list of measured losses: {error}")))?;
    Ok(losses.get(&key(checkpoint)).cloned())
}

/// Writes what was measured of the models of a folder.
///
/// # Errors
/// The folder takes no file.
pub fn write(folder: &Path, losses: &Losses) -> Result<(), FormatError> {
    let path = folder.join(FILE);
    let text = format!("{}\n", serde_json::to_string_pretty(losses).unwrap_or_default());
    std::fs::write(&path, text).map_err(|error| FormatError::io(&path, "write", error))
}
