//! One file of many bytes: fetched in parts at once, gone on with after an interruption, checked, put in its place whole.

mod crew;
mod journal;
mod lock;
mod supervise;
mod whole;

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::address::Address;
use crate::cache::{copy_aside, sync_folder};
use crate::digest::Digest;
use crate::error::{FetchError, WrongHash};
use crate::event::Event;
use crate::patience::Cancel;
use crate::wire::{Answer, Wire};
use crew::Crew;
use journal::Journal;
use supervise::Trouble;

/// How large files are cut.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    /// Requests at a time.
    pub connections: usize,
    /// Bytes that are asked for in one request.
    pub part: u64,
    /// Bytes after which what came is made safe: this many for each connection are lost when the process is killed.
    pub step: u64,
}

impl Default for Parts {
    fn default() -> Parts {
        Parts { connections: 8, part: 64 << 20, step: 8 << 20 }
    }
}

/// A file to fetch.
pub(crate) struct Job<'a> {
    /// For people.
    pub(crate) name: &'a str,
    pub(crate) address: Address,
    pub(crate) size: u64,
    pub(crate) digest: Option<&'a Digest>,
    /// Where it is to be.
    pub(crate) blob: PathBuf,
    pub(crate) lock: PathBuf,
    /// The same bytes elsewhere on this machine, perhaps.
    pub(crate) elsewhere: Option<&'a Path>,
    /// What an answer without the file is called.
    pub(crate) judge: &'a (dyn Fn(&Answer) -> Result<(), FetchError> + Sync),
}

/// What fetches.
pub(crate) struct Fetching<'a> {
    pub(crate) wire: &'a Wire,
    pub(crate) parts: Parts,
    pub(crate) cancel: &'a Cancel,
    pub(crate) tell: &'a mut dyn FnMut(Event<'_>),
}

impl Job<'_> {
    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = OsString::from(self.blob.file_name().unwrap_or_default());
        name.push(ending);
        self.blob.with_file_name(name)
    }

    /// The bytes as far as they came. The ending is one that Hugging Face's tools count as unfinished.
    fn part(&self) -> PathBuf {
        self.beside(".plimsoll.incomplete")
    }

    fn journal(&self) -> PathBuf {
        self.beside(".plimsoll-journal.incomplete")
    }

    fn is_there(&self) -> bool {
        fs::metadata(&self.blob).is_ok_and(|found| found.is_file() && found.len() == self.size)
    }

    /// Bytes that an earlier, interrupted time left.
    pub(crate) fn kept(&self) -> u64 {
        let there = fs::metadata(self.part()).is_ok_and(|part| part.len() == self.size);
        if there { Journal::open(&self.journal(), self.size, self.digest).spans().len() } else { 0 }
    }

    fn discard(&self) {
        let _ = fs::remove_file(self.journal());
        let _ = fs::remove_file(self.part());
    }
}

impl Fetching<'_> {
    /// Has the file in its place, from wherever it comes. Gives the bytes that were fetched, with those that were fetched
    /// in vain.
    pub(crate) fn fetch(&mut self, job: &Job<'_>) -> Result<u64, FetchError> {
        if job.is_there() && !job.part().exists() {
            return Ok(0);
        }
        let tell = &mut *self.tell;
        let _lock = lock::take(&job.lock, self.cancel, || tell(Event::Waiting { name: job.name }))?;
        let mut fetched = 0;
        if job.is_there() {
            // Another program was faster than an interrupted fetch.
            job.discard();
        } else if !self.adopt(job)? {
            fetched = self.fetch_locked(job)?;
        }
        (self.tell)(Event::Done { name: job.name, size: job.size });
        Ok(fetched)
    }

    fn fetch_locked(&mut self, job: &Job<'_>) -> Result<u64, FetchError> {
        let (mut strict, mut damaged, mut fetched) = (true, false, 0);
        loop {
            match self.bytes(job, strict || job.digest.is_none(), &mut fetched) {
                // Once it may have been another machine behind the same address; then the hash says which file it is.
                Err(FetchError::Changed { .. }) if strict => {
                    strict = false;
                    self.restart(job, "it changed while it was fetched");
                    continue;
                }
                other => other?,
            }
            let Some((found, expected)) = self.wrong_hash(job, &job.part())? else { break };
            if std::mem::replace(&mut damaged, true) {
                job.discard();
                let (file, address) = (job.name.to_owned(), job.address.clone());
                return Err(FetchError::WrongHash(Box::new(WrongHash { file, address, expected, found })));
            }
            self.restart(job, "its hash is not the one that was announced");
        }
        self.put_in_place(job, &job.part())?;
        let _ = fs::remove_file(job.journal());
        Ok(fetched)
    }

    fn restart(&mut self, job: &Job<'_>, why: &str) {
        job.discard();
        (self.tell)(Event::Restarted { name: job.name, why });
    }

    /// Has all bytes beside their place, as far as they were not there.
    fn bytes(&mut self, job: &Job<'_>, strict: bool, fetched: &mut u64) -> Result<(), FetchError> {
        let path = job.part();
        // What is left of a link, or of another size, is not gone on with.
        if !fs::symlink_metadata(&path).is_ok_and(|found| found.is_file() && found.len() == job.size) {
            job.discard();
        }
        let journal = Journal::open(&job.journal(), job.size, job.digest);
        let part = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let part = part.map_err(FetchError::disk(&path))?;
        part.set_len(job.size).map_err(FetchError::disk(&path))?;
        let kept = journal.spans().len();
        (self.tell)(Event::Began { name: job.name, size: job.size, kept });
        if job.size > self.parts.step {
            match Crew::new(job, journal, self.parts, strict).work(self, fetched) {
                Err(Trouble::RangeIgnored) => {}
                other => return other.map_err(|trouble| trouble.into_error(&job.address)),
            }
        }
        whole::fetch(self, job, fetched)
    }

    /// What is announced and what is there, where the two differ.
    fn wrong_hash(&mut self, job: &Job<'_>, path: &Path) -> Result<Option<(Digest, Digest)>, FetchError> {
        let Some(expected) = job.digest else { return Ok(None) };
        let mut file = File::open(path).map_err(FetchError::disk(path))?;
        let found = expected.of_file(&mut file, |done| {
            (self.tell)(Event::Checking { name: job.name, done, size: job.size });
            !self.cancel.is_cancelled()
        });
        self.cancel.check()?;
        let found = found.map_err(FetchError::disk(path))?;
        Ok((found != *expected).then(|| (found, expected.clone())))
    }

    /// Takes the bytes from elsewhere on this machine, if they are there and are the right ones.
    fn adopt(&mut self, job: &Job<'_>) -> Result<bool, FetchError> {
        let (Some(elsewhere), Some(_)) = (job.elsewhere, job.digest) else { return Ok(false) };
        if !fs::metadata(elsewhere).is_ok_and(|found| found.is_file() && found.len() == job.size) {
            return Ok(false);
        }
        let aside = job.beside(".plimsoll-adopted.incomplete");
        let _ = fs::remove_file(&aside);
        // A link to where a link of theirs leads, not to the link.
        let real = fs::canonicalize(elsewhere).map_err(FetchError::disk(elsewhere))?;
        if fs::hard_link(&real, &aside).is_err() {
            copy_aside(&real, &aside)?;
        }
        let right = self.wrong_hash(job, &aside).map(|wrong| wrong.is_none());
        if !matches!(right, Ok(true)) {
            let _ = fs::remove_file(&aside);
            return right;
        }
        self.put_in_place(job, &aside)?;
        Ok(true)
    }

    /// Syncs a file that is whole, and gives it its name.
    fn put_in_place(&self, job: &Job<'_>, from: &Path) -> Result<(), FetchError> {
        let file = File::open(from).map_err(FetchError::disk(from))?;
        file.sync_all().map_err(FetchError::disk(from))?;
        fs::rename(from, &job.blob).map_err(FetchError::disk(&job.blob))?;
        job.blob.parent().map_or(Ok(()), sync_folder)
    }
}
