//! Files that the Hugging Face hub's tools have fetched to this machine. Nothing is fetched here.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a model in the cache, whether or not it is there: `models--ORG--NAME`.
pub fn folder(cache: &Path, hub: &str) -> PathBuf {
    cache.join(format!("models--{}", hub.replace('/', "--")))
}

/// The files of `hub` in the cache: the revision that `refs/main` names, else the only one there is.
pub fn snapshot(cache: &Path, hub: &str) -> Option<PathBuf> {
    snapshot_in(&folder(cache, hub))
}

/// The files in the cache's folder of one model, which people name by its path.
pub fn snapshot_in(folder: &Path) -> Option<PathBuf> {
    let snapshots = folder.join("snapshots");
    let main = fs::read_to_string(folder.join("refs/main")).ok().filter(|revision| is_revision(revision.trim()));
    if let Some(named) = main.map(|revision| snapshots.join(revision.trim())).filter(|path| path.is_dir()) {
        return Some(named);
    }
    let mut found = fs::read_dir(&snapshots).ok()?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir());
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// A name of one folder; a file of the cache must not lead out of it.
fn is_revision(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// The name on the hub of a model whose files lie in a cache: `ORG/NAME` of a path through `models--ORG--NAME`.
pub fn name_of(path: &Path) -> Option<String> {
    let folder = path.components().rev().find_map(|part| part.as_os_str().to_str()?.strip_prefix("models--"))?;
    let (org, name) = folder.split_once("--")?;
    Some(format!("{org}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_names_the_revision_and_without_it_only_a_single_one_is_taken() {
        let cache = tempfile::tempdir().unwrap();
        let model = folder(cache.path(), "Org/Name");
        assert_eq!(model, cache.path().join("models--Org--Name"));
        assert_eq!(snapshot(cache.path(), "Org/Name"), None);
        fs::create_dir_all(model.join("snapshots/aa")).unwrap();
        assert_eq!(snapshot(cache.path(), "Org/Name"), Some(model.join("snapshots/aa")));
        assert_eq!(name_of(&model.join("snapshots/aa")).as_deref(), Some("Org/Name"));
        assert_eq!(name_of(cache.path()), None);
        fs::create_dir_all(model.join("snapshots/bb")).unwrap();
        assert_eq!(snapshot(cache.path(), "Org/Name"), None, "which of two is not guessed");
        fs::create_dir_all(model.join("refs")).unwrap();
        fs::write(model.join("refs/main"), "bb\n").unwrap();
        assert_eq!(snapshot(cache.path(), "Org/Name"), Some(model.join("snapshots/bb")));
        fs::write(model.join("refs/main"), "../../elsewhere").unwrap();
        assert_eq!(snapshot(cache.path(), "Org/Name"), None);
    }
}
