//! Writing into the cache, so that a reader sees a file whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::Cache;
use crate::error::FetchError;

/// What the tools of Hugging Face put into a cache's folder: backups leave it out.
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
                   # This file is a cache directory tag created by huggingface_hub.\n\
                   # For information about cache directory tags, see https://bford.info/cachedir/\n";

/// How a link is made; the tests have one that cannot.
pub(crate) type MakeLink = fn(&Path, &Path) -> io::Result<()>;

impl Cache {
    /// Makes the folder of a model, and what stands around it.
    pub(crate) fn prepare(&self, repository: &str) -> Result<(), FetchError> {
        let blobs = self.folder(repository).join("blobs");
        fs::create_dir_all(&blobs).map_err(FetchError::disk(&blobs))?;
        let tag = self.root.join("CACHEDIR.TAG");
        if !tag.exists() {
            write_whole(&tag, TAG.as_bytes())?;
        }
        Ok(())
    }

    /// Gives a blob its name in a commit: a relative link, and a copy where links cannot be made.
    pub(crate) fn place(
        &self,
        repository: &str,
        commit: &str,
        file: &str,
        etag: &str,
        link: MakeLink,
    ) -> Result<PathBuf, FetchError> {
        let snapshot = self.snapshot(repository, commit);
        let pointer = snapshot.join(file);
        make_folders(&self.folder(repository), &pointer)?;
        let up = "../".repeat(2 + file.matches('/').count());
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        if fs::read_link(&pointer).is_ok_and(|to| to == target) {
            return Ok(pointer);
        }
        let aside = aside(&pointer);
        if link(&target, &aside).is_err() {
            let blob = self.blob(repository, etag);
            copy_aside(&blob, &aside)?;
        }
        fs::rename(&aside, &pointer).map_err(FetchError::disk(&pointer))?;
        Ok(pointer)
    }

    /// Notes that a commit has no such file.
    pub(crate) fn place_absent(&self, repository: &str, commit: &str, file: &str) -> Result<(), FetchError> {
        let mark = self.no_exist(repository, commit, file);
        make_folders(&self.folder(repository), &mark)?;
        if mark.exists() { Ok(()) } else { write_whole(&mark, b"") }
    }

    /// Notes which commit a branch or a tag stands for. A commit needs no note.
    pub(crate) fn place_ref(&self, repository: &str, revision: &str, commit: &str) -> Result<(), FetchError> {
        if revision == commit {
            return Ok(());
        }
        let note = self.folder(repository).join("refs").join(revision);
        make_folders(&self.folder(repository), &note)?;
        if fs::read_to_string(&note).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        write_whole(&note, commit.as_bytes())
    }
}

/// Makes the folders between a model's folder and `file`. A link among them could lead anywhere and is refused.
fn make_folders(model: &Path, file: &Path) -> Result<(), FetchError> {
    let below = file.parent().and_then(|parent| parent.strip_prefix(model).ok()).unwrap_or(Path::new(""));
    let mut at = model.to_owned();
    for part in below {
        at.push(part);
        match fs::symlink_metadata(&at) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(FetchError::Link { path: at }),
            Err(_) => match fs::create_dir(&at) {
                Ok(()) => {}
                // Another process made it.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && at.is_dir() => {}
                Err(source) => return Err(FetchError::Disk { path: at, source }),
            },
        }
    }
    Ok(())
}

/// A name beside `path` that nobody else uses.
fn aside(path: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().take(40).collect();
    path.with_file_name(format!(".{name}.{}-{number}.incomplete", std::process::id()))
}

/// Writes a small file whole: beside its place first, to the disk, then over to its name.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FetchError> {
    let aside = aside(path);
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&aside, path)
    };
    written().map_err(|source| {
        let _ = fs::remove_file(&aside);
        FetchError::Disk { path: path.to_owned(), source }
    })
}

/// Copies a file to a name that nobody else uses, to the disk.
pub(crate) fn copy_aside(from: &Path, to: &Path) -> Result<(), FetchError> {
    fs::copy(from, to).map_err(FetchError::disk(to))?;
    File::open(to).and_then(|file| file.sync_all()).map_err(FetchError::disk(to))
}

/// Makes a symbolic link at `at` to the relative `target`.
#[cfg(unix)]
pub(crate) fn symlink(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Makes a symbolic link at `at` to the relative `target`; Windows lets only some do that.
#[cfg(windows)]
pub(crate) fn symlink(target: &Path, at: &Path) -> io::Result<()> {
    let target: PathBuf = target.components().collect();
    std::os::windows::fs::symlink_file(target, at)
}

/// Has the disk keep what was renamed in a folder.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FetchError> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(FetchError::disk(folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        cache.prepare("o/n").unwrap();
        fs::write(cache.blob("o/n", "abc"), "bytes").unwrap();
        (dir, cache)
    }

    #[test]
    fn a_file_of_a_commit_is_a_relative_link_to_its_blob() {
        let (_dir, cache) = cache();
        for _ in 0..2 {
            let pointer = cache.place("o/n", "c", "sub/deep/f.txt", "abc", symlink).unwrap();
            assert_eq!(fs::read_link(&pointer).unwrap(), Path::new("../../../../blobs/abc"));
            assert_eq!(fs::read_to_string(&pointer).unwrap(), "bytes");
        }
    }

    #[test]
    fn where_links_cannot_be_made_it_is_a_copy() {
        let (_dir, cache) = cache();
        let pointer = cache.place("o/n", "c", "f.txt", "abc", |_, _| Err(io::ErrorKind::Unsupported.into())).unwrap();
        assert!(fs::symlink_metadata(&pointer).unwrap().is_file());
        assert_eq!(fs::read_to_string(&pointer).unwrap(), "bytes");
        let names: Vec<_> = fs::read_dir(pointer.parent().unwrap()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(names, ["f.txt"], "nothing is left beside it");
    }

    #[test]
    #[cfg(unix)]
    fn nothing_is_written_through_a_link() {
        let (dir, cache) = cache();
        let elsewhere = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("models--o--n/snapshots/c")).unwrap();
        symlink(elsewhere.path(), &dir.path().join("models--o--n/snapshots/c/sub")).unwrap();
        let error = cache.place("o/n", "c", "sub/f.txt", "abc", symlink).unwrap_err();
        assert!(matches!(error, FetchError::Link { .. }), "{error}");
        assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_branch_with_slashes_is_a_path_and_holds_the_commit_alone() {
        let (dir, cache) = cache();
        cache.place_ref("o/n", "refs/pr/1", "c0ffee").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("models--o--n/refs/refs/pr/1")).unwrap(), "c0ffee");
        cache.place_ref("o/n", "c0ffee", "c0ffee").unwrap();
        assert!(!dir.path().join("models--o--n/refs/c0ffee").exists());
    }
}
