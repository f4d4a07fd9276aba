//! The catalogue of this process: what comes inside, and the user's folder.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use plimsoll_catalog::Catalog;
use plimsoll_models::Checkpoint;
use plimsoll_panel::slug;

use crate::places;

/// What a name stands for is the same in all of a process; commands ask for it in many places.
static FOLDER: OnceLock<PathBuf> = OnceLock::new();
static CATALOG: OnceLock<Catalog> = OnceLock::new();

/// Takes the user's cards from `folder` instead of from the configuration folder. To be called before [`open`].
pub fn use_folder(folder: &Path) {
    FOLDER.get_or_init(|| folder.to_owned());
}

/// Where a user's cards are looked for, whether or not there are any.
pub fn folder() -> Option<PathBuf> {
    FOLDER.get().cloned().or_else(|| places::config().map(|config| config.join("catalog")))
}

/// The catalogue.
///
/// # Errors
/// A card of the user cannot be read, or the folder that was asked for is not there.
pub fn open() -> anyhow::Result<&'static Catalog> {
    if let Some(catalog) = CATALOG.get() {
        return Ok(catalog);
    }
    let mut catalog = Catalog::builtin();
    // The folder in the configuration need not be there; one that was named must be.
    if let Some(folder) = folder().filter(|folder| FOLDER.get().is_some() || folder.exists()) {
        catalog = catalog.with_folder(&folder)?;
    }
    Ok(CATALOG.get_or_init(|| catalog))
}

/// A model's own name where pages call it `id`: `demo:small` for `demo-small`. What no card has stays as it is.
///
/// # Errors
/// As [`open`].
pub fn name_of(id: &str) -> anyhow::Result<&str> {
    Ok(open()?.cards().find(|card| slug(&card.id) == id).map_or(id, |card| &card.id))
}

/// The card of a checkpoint that was opened as `argument`.
///
/// # Errors
/// As [`open`].
pub fn card_of(
    argument: &str,
    checkpoint: &Checkpoint,
) -> anyhow::Result<Option<&'static plimsoll_catalog::ModelCard>> {
    let catalog = open()?;
    // A path wins over an alias, here as in `model::locate`.
    if Path::new(argument).exists() {
        let path = Path::new(argument).canonicalize().unwrap_or_else(|_| argument.into());
        return Ok(catalog.card_of(&path.to_string_lossy(), &checkpoint.name));
    }
    Ok(catalog.card_of(argument, &checkpoint.name))
}
