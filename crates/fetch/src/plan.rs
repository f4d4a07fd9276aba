//! What a pull would do, told before a byte of any weight is fetched.

use std::collections::HashSet;
use std::path::PathBuf;

use serde::Serialize;

use crate::digest::Digest;
use crate::error::FetchError;

/// What is fetched, from where, and what it takes. Made by [`Hub::plan`](crate::Hub::plan).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// `org/name`.
    pub repository: String,
    /// As it was asked for.
    pub revision: String,
    /// What it stands for, and what is fetched.
    pub commit: String,
    /// What the card declares.
    pub licence: Option<String>,
    /// Whether the maker asks to accept terms first.
    pub gated: bool,
    /// The label of a GGUF.
    pub quantisation: Option<String>,
    /// The files, the small ones first.
    pub files: Vec<PlannedFile>,
    /// Whether the repository has a projector, which a GGUF sees with, that was not wanted.
    pub has_other_projector: bool,
    /// Files of the repository that are not needed.
    pub left_out: LeftOut,
    /// The folder in which the files will be.
    pub folder: PathBuf,
    /// Room on the disk.
    pub disk: Disk,
    /// Files that are read where they are, and that the commit does not have.
    #[serde(skip)]
    pub(crate) absent: Vec<&'static str>,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedFile {
    /// Its name in the repository.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Bytes.
    pub bytes: u64,
    /// The hash that it must have.
    pub digest: Option<Digest>,
    /// How much of it is on this machine.
    pub state: State,
    #[serde(skip)]
    pub(crate) etag: String,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Weights.
    Weights,
    /// What a GGUF sees with.
    Projector,
    /// Settings, tokenizer, template, licence.
    Companion,
}

/// How much of a file is on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// All of it, in the cache.
    Here,
    /// All of it, in another program's store.
    Elsewhere {
        /// Where.
        path: PathBuf,
    },
    /// Some of it, from an earlier time.
    Partly {
        /// How much.
        bytes: u64,
    },
    /// Nothing.
    Missing,
}

/// What is not fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// How many files.
    pub files: usize,
    /// Their bytes, as far as the hub says.
    pub bytes: u64,
}

/// Room on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// The cache.
    pub folder: PathBuf,
    /// Bytes that will be written.
    pub needed: u64,
    /// Bytes that may be; `None` where the system does not say.
    pub free: Option<u64>,
}

impl State {
    /// Bytes of a file of `size` that have to come over the network.
    pub fn missing(&self, size: u64) -> u64 {
        match self {
            State::Here | State::Elsewhere { .. } => 0,
            State::Partly { bytes } => size.saturating_sub(*bytes),
            State::Missing => size,
        }
    }
}

impl Plan {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add)
    }

    /// Bytes that have to come over the network.
    pub fn to_fetch(&self) -> u64 {
        to_fetch(&self.files)
    }

    /// Whether nothing has to be fetched.
    pub fn is_here(&self) -> bool {
        self.files.iter().all(|file| file.state == State::Here)
    }

    /// The weights.
    pub fn weights(&self) -> impl Iterator<Item = &PlannedFile> {
        self.files.iter().filter(|file| file.role == Role::Weights)
    }
}

impl Disk {
    /// Looks whether there is room.
    ///
    /// # Errors
    /// There is not, with both numbers.
    pub fn require(&self) -> Result<(), FetchError> {
        match self.free {
            Some(free) if free < self.needed => {
                Err(FetchError::NoRoom { folder: self.folder.clone(), needed: self.needed, free })
            }
            _ => Ok(()),
        }
    }
}

/// Bytes of `files` that come over the network: each blob once.
pub(crate) fn to_fetch(files: &[PlannedFile]) -> u64 {
    let mut seen = HashSet::new();
    let first = files.iter().filter(|file| seen.insert(&file.etag));
    first.map(|file| file.state.missing(file.bytes)).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(etag: &str, bytes: u64, state: State) -> PlannedFile {
        PlannedFile { name: etag.to_owned(), role: Role::Weights, bytes, digest: None, state, etag: etag.to_owned() }
    }

    #[test]
    fn what_is_here_or_twice_is_not_counted() {
        let files = [
            file("a", 100, State::Here),
            file("b", 50, State::Partly { bytes: 20 }),
            file("c", 7, State::Missing),
            file("c", 7, State::Missing),
            file("d", 9, State::Elsewhere { path: PathBuf::new() }),
        ];
        assert_eq!(to_fetch(&files), 37);
        let lying = [file("a", u64::MAX, State::Missing), file("b", u64::MAX, State::Missing)];
        assert_eq!(to_fetch(&lying), u64::MAX, "sizes that lie do not go round");
    }

    #[test]
    fn a_disk_that_is_too_small_says_both_numbers() {
        let disk = |free| Disk { folder: PathBuf::from("/cache"), needed: 10, free };
        assert!(disk(Some(10)).require().is_ok() && disk(None).require().is_ok());
        let error = disk(Some(9)).require().unwrap_err();
        assert!(matches!(error, FetchError::NoRoom { needed: 10, free: 9, .. }), "{error}");
    }
}
