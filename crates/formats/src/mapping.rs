//! Files as bytes without a copy: the one place that maps memory, and so the one place with `unsafe`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use crate::error::FormatError;

/// The bytes of one file, mapped, embedded in the binary or read into memory, under the name that messages use.
#[derive(Debug)]
pub struct FileBytes {
    name: String,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    Mapped(memmap2::Mmap),
    Embedded(&'static [u8]),
    Owned(Vec<u8>),
    Made(LazyLock<Vec<u8>, Box<dyn FnOnce() -> Vec<u8> + Send>>),
}

/// How the note begins that stands for a large file in a repository cloned without git-lfs. Source: its specification.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Opens a file that a reader names. A pipe without a writer would be waited for, and a device may be without end; what
/// the reader's shell has opened already (`/dev/fd/63`) is neither.
///
/// # Errors
/// It cannot be opened, or is a pipe, a socket or a device.
pub fn open_regular(path: &Path) -> std::io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_file() || kind.is_dir() || path.starts_with("/dev/fd") || path.starts_with("/proc/self/fd") {
        return File::open(path);
    }
    Err(std::io::Error::other("a pipe or a device, expected a file"))
}

/// Reads a text that a reader names and nobody would make longer than `most` bytes, as [`open_regular`] opens it.
///
/// # Errors
/// It cannot be opened or read, is longer, or is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> std::io::Result<String> {
    let mut text = String::new();
    open_regular(path)?.take(most + 1).read_to_string(&mut text)?;
    match text.len() as u64 > most {
        true => Err(std::io::Error::other(format!("longer than {most} bytes"))),
        false => Ok(text),
    }
}

impl FileBytes {
    /// Maps `path` read-only. An empty file gives empty bytes; a Git LFS pointer is refused.
    ///
    /// # Errors
    /// [`FormatError::Io`] if it cannot be opened or mapped, or is no regular file.
    pub fn map(path: &Path) -> Result<Arc<FileBytes>, FormatError> {
        let io = |source| FormatError::io(path, "open", source);
        // Asked before opening: opening a pipe would wait for its writer.
        if !std::fs::metadata(path).map_err(io)?.is_file() {
            return Err(io(std::io::Error::other("not a regular file")));
        }
        let file = File::open(path).map_err(io)?;
        let metadata = file.metadata().map_err(io)?;
        let name = path.display().to_string();
        if metadata.len() == 0 {
            return Ok(Arc::new(FileBytes { name, storage: Storage::Owned(Vec::new()) }));
        }
        // SAFETY: the map is read-only, and nothing here gives out a mutable view. What remains is the
        // contract of every file map: whoever shortens or rewrites the file while it is mapped changes these bytes
        // or kills the process (SIGBUS). Weights are read only as plain numbers, never as anything with invalid values.
        let map = unsafe { memmap2::MmapOptions::new().map(&file) }.map_err(io)?;
        // Where files are cached in huge pages, few entries of the page tables cover the weights: of a 3B read from disk
        // 95 % were mapped so, 46 % without asking. A system that has none says so, and nothing is lost.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        if map.starts_with(LFS_POINTER) {
            let what = "is a Git LFS pointer: a note of where the file is, and not the file";
            return Err(FormatError::malformed(&name, what));
        }
        Ok(Arc::new(FileBytes { name, storage: Storage::Mapped(map) }))
    }

    /// Bytes that live in the binary.
    pub fn embedded(name: &str, bytes: &'static [u8]) -> Arc<FileBytes> {
        Arc::new(FileBytes { name: name.to_owned(), storage: Storage::Embedded(bytes) })
    }

    /// Bytes held in memory; for tests and fuzzing, and for small files.
    pub fn owned(name: &str, bytes: Vec<u8>) -> Arc<FileBytes> {
        Arc::new(FileBytes { name: name.to_owned(), storage: Storage::Owned(bytes) })
    }

    /// Bytes that are made of others as soon as somebody reads one, and held in memory from then on.
    pub fn made(name: &str, make: impl FnOnce() -> Vec<u8> + Send + 'static) -> Arc<FileBytes> {
        Arc::new(FileBytes { name: name.to_owned(), storage: Storage::Made(LazyLock::new(Box::new(make))) })
    }

    /// Tells the system that these bytes will be read soon, so that it fetches them meanwhile. It promises nothing.
    pub fn will_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Storage::Mapped(map) = &self.storage {
            // Advice that the system does not take changes nothing but the time that reading takes.
            let _ = map.advise_range(memmap2::Advice::WillNeed, range.start, range.len());
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// Tells the system that these bytes need not stay in memory. Who reads them again gets the same, from the file.
    pub fn wont_need(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Storage::Mapped(map) = &self.storage {
            // SAFETY: the map is read-only and of a file, so nothing was written that would be lost, and a page that is
            // read again is mapped again with the file's bytes.
            let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, range.start, range.len()) };
        }
        #[cfg(not(unix))]
        let _ = range;
    }

    /// The path or embedded name, as messages show it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Deref for FileBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.storage {
            Storage::Mapped(map) => map,
            Storage::Embedded(bytes) => bytes,
            Storage::Owned(bytes) => bytes,
            Storage::Made(bytes) => bytes,
        }
    }
}
