//! Whether a folder may be written where there is one already.

use std::path::{Path, PathBuf};

use plimsoll_formats::Folder;
use plimsoll_models::Checkpoint;

use crate::mistake::Mistake;

/// Nothing is lost by writing there: what is replaced holds `marks`, as an earlier export does, and is not what is read.
///
/// # Errors
/// Something is there that is to stay.
pub fn make_room(
    path: &Path,
    force: bool,
    marks: &[&str],
    checkpoint: &Checkpoint,
    files: &Folder,
) -> anyhow::Result<()> {
    let shown = path.display();
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !force {
        let hint = "-o DIR writes another folder, --force takes the place of an earlier export";
        return Err(Mistake::error(format!("`{shown}` is already there"), hint));
    }
    if path.is_symlink() || !marks.iter().all(|mark| path.join(mark).exists()) {
        let hint = "--force takes the place of an earlier export; -o DIR writes another folder";
        return Err(Mistake::error(
            format!("`{shown}` is no earlier export: it is no folder with a {}", marks.join(" and ")),
            hint,
        ));
    }
    let Ok(target) = path.canonicalize() else { return Ok(()) };
    let mut read = vec![checkpoint.path.clone()];
    if let Folder::Disk(folder) = files {
        read.push(Some(folder.clone()));
    }
    let is_read = |read: PathBuf| read.canonicalize().is_ok_and(|read| read.starts_with(&target));
    match read.into_iter().flatten().any(is_read) {
        true => Err(Mistake::error(format!("`{shown}` holds what is read"), "-o DIR writes another folder")),
        false => Ok(()),
    }
}
