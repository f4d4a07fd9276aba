//! What is in the cache: listed, checked against its hashes, removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{Cache, is_commit, repository_of};
use crate::digest::Digest;
use crate::error::FetchError;
use crate::patience::Cancel;

/// A model of the cache.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CachedModel {
    /// `org/name`.
    pub repository: String,
    /// Its folder.
    pub folder: PathBuf,
    /// The commits of which there are files.
    pub revisions: Vec<CachedRevision>,
    /// Bytes on the disk: each blob once, and what of other files came.
    pub bytes: u64,
    /// Whether something of it was begun and not ended, or a file leads nowhere, or there is none.
    pub is_unfinished: bool,
}

/// The files of one commit.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CachedRevision {
    /// The commit.
    pub commit: String,
    /// Branches and tags that stood for it.
    pub refs: Vec<String>,
    /// Its files, by name.
    pub files: Vec<CachedFile>,
}

/// A file of the cache.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CachedFile {
    /// Its name in the repository.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes; `None` for a link that leads nowhere.
    pub bytes: Option<u64>,
    /// What it is called by in the cache says its hash, where it says one.
    pub digest: Option<Digest>,
}

/// What a check of a file found.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
pub enum Verdict {
    /// Its bytes have the hash that it is called by.
    Whole,
    /// They have another.
    Damaged {
        /// The one that they have.
        found: Digest,
    },
    /// The link leads nowhere.
    Missing,
    /// It is called by no hash: nothing can be said.
    Unknown,
}

impl CachedFile {
    /// Reads the file and compares it with its hash.
    ///
    /// # Errors
    /// It cannot be read, or somebody said to stop.
    pub fn verify(&self, cancel: &Cancel) -> Result<Verdict, FetchError> {
        let (Some(_), Some(expected)) = (self.bytes, &self.digest) else {
            return Ok(if self.bytes.is_none() { Verdict::Missing } else { Verdict::Unknown });
        };
        let mut file = File::open(&self.path).map_err(FetchError::disk(&self.path))?;
        let found = expected.of_file(&mut file, |_| !cancel.is_cancelled());
        cancel.check()?;
        let found = found.map_err(FetchError::disk(&self.path))?;
        Ok(if found == *expected { Verdict::Whole } else { Verdict::Damaged { found } })
    }
}

impl Cache {
    /// The models that are here, by name. What is no model's folder is passed over.
    pub fn models(&self) -> Vec<CachedModel> {
        let mut models: Vec<CachedModel> = names_in(&self.root)
            .into_iter()
            .filter_map(|name| repository_of(&name))
            .filter_map(|repository| self.model(&repository))
            .collect();
        models.sort_by(|a, b| a.repository.cmp(&b.repository));
        models
    }

    /// A model of the cache.
    pub fn model(&self, repository: &str) -> Option<CachedModel> {
        let folder = self.folder(repository);
        if !folder.is_dir() {
            return None;
        }
        let snapshots = folder.join("snapshots");
        let refs = refs(&folder.join("refs"));
        let revisions = names_in(&snapshots).into_iter().filter(|commit| is_commit(commit)).map(|commit| {
            let mut files = Vec::new();
            gather(&snapshots.join(&commit), "", &mut files);
            files.sort_by(|a, b| a.name.cmp(&b.name));
            let refs = refs.iter().filter(|(_, of)| *of == commit).map(|(name, _)| name.clone()).collect();
            CachedRevision { commit, refs, files }
        });
        let mut revisions: Vec<CachedRevision> = revisions.collect();
        revisions.sort_by(|a, b| (b.refs.len(), &a.commit).cmp(&(a.refs.len(), &b.commit)));
        let bytes = bytes_below(&folder);
        let mut files = revisions.iter().flat_map(|revision| &revision.files).peekable();
        let is_unfinished = files.peek().is_none()
            || files.any(|file| file.bytes.is_none())
            || names_in(&folder.join("blobs")).iter().any(|name| name.ends_with(".incomplete"));
        Some(CachedModel { repository: repository.to_owned(), folder, revisions, bytes, is_unfinished })
    }

    /// Removes a model: every commit, every blob. Gives the bytes that came free.
    ///
    /// # Errors
    /// Something of it cannot be removed.
    pub fn remove(&self, repository: &str) -> Result<u64, FetchError> {
        let folder = self.folder(repository);
        let bytes = bytes_below(&folder);
        // Its name first: whoever looks finds it whole or not at all.
        let aside = self.root.join(format!(".removed-{}-{}", std::process::id(), super::folder_name(repository)));
        fs::rename(&folder, &aside).map_err(FetchError::disk(&folder))?;
        fs::remove_dir_all(&aside).map_err(FetchError::disk(&aside))?;
        let _ = fs::remove_dir_all(self.root.join(".locks").join(super::folder_name(repository)));
        Ok(bytes)
    }
}

/// Branches and tags with the commit of each.
fn refs(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    gather(folder, "", &mut files);
    let mut refs: Vec<_> = files
        .into_iter()
        .filter_map(|file| Some((file.name, fs::read_to_string(&file.path).ok()?.trim().to_owned())))
        .collect();
    refs.sort();
    refs
}

fn gather(folder: &Path, prefix: &str, files: &mut Vec<CachedFile>) {
    for name in names_in(folder) {
        let path = folder.join(&name);
        let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let Ok(own) = fs::symlink_metadata(&path) else { continue };
        if own.is_dir() {
            gather(&path, &name, files);
            continue;
        }
        let bytes = fs::metadata(&path).ok().filter(|target| target.is_file()).map(|target| target.len());
        let called = fs::read_link(&path).ok();
        let called = called.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let digest = called.and_then(|called| Digest::sha256(&called).or_else(|| Digest::git(&called)));
        files.push(CachedFile { name, path, bytes, digest });
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Bytes of the files below a folder; links count nothing.
fn bytes_below(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match fs::symlink_metadata(entry.path()) {
            Ok(found) if found.is_dir() => bytes_below(&entry.path()),
            Ok(found) if found.is_file() => on_disk(&found),
            _ => 0,
        })
        .sum()
}

/// What a file takes, which is less than its length where it has holes.
#[cfg(unix)]
fn on_disk(file: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    file.len().min(file.blocks() * 512)
}

/// What a file takes.
#[cfg(not(unix))]
fn on_disk(file: &fs::Metadata) -> u64 {
    file.len()
}
