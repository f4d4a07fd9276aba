//! The card of an exported folder.

use std::path::Path;

use plimsoll_export::Card;
use plimsoll_formats::{Folder, FormatError};

use crate::hub_cache;

/// Writes README.md into the folder `to` that is to be `path`, of a model whose files are in `from`: it has the name of the
/// folder, and is made of what the hub's cache calls those files, where nothing else was said.
///
/// # Errors
/// The folder takes no file.
pub fn write(to: &Path, path: &Path, from: &Folder, card: Card) -> Result<(), FormatError> {
    let in_cache = match from {
        Folder::Disk(folder) => hub_cache::name_of(folder),
        Folder::Embedded { .. } => None,
    };
    let name = path.file_name().map_or_else(|| card.name.into(), |name| name.to_string_lossy());
    let card = Card { name: &name, base_model: card.base_model.or(in_cache.as_deref()), ..card };
    let readme = to.join("README.md");
    std::fs::write(&readme, card.to_string()).map_err(|error| FormatError::io(&readme, "write", error))
}
