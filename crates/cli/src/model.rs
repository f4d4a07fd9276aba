//! What a MODEL argument stands for.

use std::path::Path;

use anyhow::bail;
use plimsoll_formats::Checkpoint;

use crate::demo;

/// Opens a folder, a GGUF file or an embedded model.
///
/// # Errors
/// What is wrong with the files, or that there are none of this name.
pub fn open(model: &str) -> anyhow::Result<Checkpoint> {
    if let Some(files) = demo::files(model) {
        return Ok(Checkpoint::from_embedded(model, files)?);
    }
    if model.starts_with("demo:") {
        bail!("no embedded model `{model}`; there are {}", demo::NAMES.join(" and "));
    }
    Ok(Checkpoint::open(Path::new(model))?)
}
