//! The folder that Hugging Face's own tools keep their files in, laid out as they lay it out.
//!
//! ```text
//! models--org--name/
//!   blobs/HASH                     the bytes, called by their hash
//!   snapshots/COMMIT/config.json   → ../../blobs/HASH
//!   refs/main                      the commit that a branch or tag stood for when it was fetched
//!   .no_exist/COMMIT/FILE          empty: the commit has no such file
//! .locks/models--org--name/HASH.lock
//! ```

mod contents;
mod place;

use std::fs;
use std::path::{Path, PathBuf};

use crate::names;
use crate::reference::{HubReference, is_revision};

pub use contents::{CachedFile, CachedModel, CachedRevision, Verdict};
pub(crate) use place::{copy_aside, symlink, sync_folder, write_whole};

/// Begins the name of a model's folder.
const MODELS: &str = "models--";

/// A cache of Hugging Face's layout. Nothing in it is fetched, and nothing here opens a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

/// What the cache knows of one file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// It is here.
    Here(PathBuf),
    /// The commit has no such file: whoever fetched it asked.
    NotInCommit,
    /// Nobody asked yet.
    Unknown,
}

impl Cache {
    /// The cache in a folder, which need not be there yet.
    pub fn at(root: impl Into<PathBuf>) -> Cache {
        Cache { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a model, whether or not it is there.
    pub fn folder(&self, repository: &str) -> PathBuf {
        self.root.join(folder_name(repository))
    }

    pub(crate) fn blob(&self, repository: &str, etag: &str) -> PathBuf {
        self.folder(repository).join("blobs").join(etag)
    }

    pub(crate) fn lock(&self, repository: &str, etag: &str) -> PathBuf {
        self.root.join(".locks").join(folder_name(repository)).join(format!("{etag}.lock"))
    }

    /// The folder of a commit, whether or not it is there.
    pub fn snapshot(&self, repository: &str, commit: &str) -> PathBuf {
        self.folder(repository).join("snapshots").join(commit)
    }

    fn no_exist(&self, repository: &str, commit: &str, file: &str) -> PathBuf {
        self.folder(repository).join(".no_exist").join(commit).join(file)
    }

    /// The commit that a revision stood for when it was fetched. A commit stands for itself where its folder is here.
    pub fn commit_of(&self, repository: &str, revision: &str) -> Option<String> {
        if !is_revision(revision) {
            return None;
        }
        let named = fs::read_to_string(self.folder(repository).join("refs").join(revision)).ok();
        let commit = named.map_or_else(|| revision.to_owned(), |named| named.trim().to_owned());
        (is_commit(&commit) && self.snapshot(repository, &commit).is_dir()).then_some(commit)
    }

    /// The folder of files that a reference stands for, as far as they are here.
    pub fn find(&self, reference: &HubReference) -> Option<PathBuf> {
        let commit = self.commit_of(&reference.repository, &reference.revision)?;
        Some(self.snapshot(&reference.repository, &commit))
    }

    /// What is known of a file of a commit.
    pub fn lookup(&self, repository: &str, commit: &str, file: &str) -> Lookup {
        if !is_commit(commit) || names::check(file).is_err() {
            return Lookup::Unknown;
        }
        let here = self.snapshot(repository, commit).join(file);
        if here.is_file() {
            Lookup::Here(here)
        } else if self.no_exist(repository, commit, file).exists() {
            Lookup::NotInCommit
        } else {
            Lookup::Unknown
        }
    }
}

fn folder_name(repository: &str) -> String {
    format!("{MODELS}{}", repository.replace('/', "--"))
}

/// `org/name` of a model's folder.
fn repository_of(folder: &str) -> Option<String> {
    let name = folder.strip_prefix(MODELS)?.replace("--", "/");
    (!name.is_empty() && names::check(&name).is_ok()).then_some(name)
}

/// A name of one folder: a file of the cache, or of a hub, must not lead out of it.
pub(crate) fn is_commit(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_here_is_found_by_branch_and_by_commit() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let reference = |text: &str| match text.parse().unwrap() {
            crate::Reference::Hub(hub) => hub,
            crate::Reference::Ollama(_) => unreachable!(),
        };
        assert_eq!(cache.find(&reference("Org/Name")), None);
        let commit = "a".repeat(40);
        let files = cache.snapshot("Org/Name", &commit);
        assert_eq!(files, dir.path().join("models--Org--Name/snapshots").join(&commit));
        fs::create_dir_all(&files).unwrap();
        assert_eq!(cache.find(&reference("Org/Name")), None, "no ref says that main is this");
        assert_eq!(cache.find(&reference(&format!("Org/Name@{commit}"))), Some(files.clone()));
        fs::create_dir_all(dir.path().join("models--Org--Name/refs/refs/pr")).unwrap();
        fs::write(dir.path().join("models--Org--Name/refs/refs/pr/1"), &commit).unwrap();
        assert_eq!(cache.find(&reference("Org/Name@refs/pr/1")), Some(files.clone()));
        fs::write(dir.path().join("models--Org--Name/refs/main"), "../../elsewhere").unwrap();
        assert_eq!(cache.find(&reference("Org/Name")), None, "a ref does not lead out");
        assert_eq!(cache.lookup("Org/Name", &commit, "config.json"), Lookup::Unknown);
        fs::write(files.join("config.json"), "{}").unwrap();
        assert_eq!(cache.lookup("Org/Name", &commit, "config.json"), Lookup::Here(files.join("config.json")));
        assert_eq!(cache.lookup("Org/Name", &commit, "../../refs/main"), Lookup::Unknown);
    }
}
