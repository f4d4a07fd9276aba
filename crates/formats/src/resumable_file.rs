//! A file whose writing goes on where a process that was killed left it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};

use crate::error::FormatError;
use crate::files::{file_name, parent};
use crate::new_file::NewFile;

/// A file under a name of its own beside where it is to be. It stays there when it is dropped, and whoever opens it again
/// with the same key goes on behind what [`ResumableFile::settle`] was last called for.
#[derive(Debug)]
pub struct ResumableFile {
    path: PathBuf,
    part: PathBuf,
    /// Holds the length that is known to be on the disk.
    journal: PathBuf,
    file: BufWriter<File>,
    kept: u64,
    settling: Settling,
}

/// A thread that waits for the disk, so that whoever writes need not.
#[derive(Debug, Default)]
struct Settling(Option<JoinHandle<Result<(), FormatError>>>);

impl Settling {
    fn is_busy(&self) -> bool {
        self.0.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    /// How the last one went, once it is over.
    fn wait(&mut self) -> Result<(), FormatError> {
        self.0.take().map_or(Ok(()), |thread| thread.join().expect("waiting for a disk does not panic"))
    }
}

impl Drop for Settling {
    fn drop(&mut self) {
        // Nobody asks any more: what did not reach the disk is written again.
        let _ = self.wait();
    }
}

/// Hexadecimal digits of a key that its file's name shows.
const SHOWN: usize = 16;

impl ResumableFile {
    /// Begins or goes on with the file that is to be `path`. `key` stands for all that its bytes depend on, in hexadecimal:
    /// what was written under another key is thrown away.
    ///
    /// # Errors
    /// Another process is writing it, its folder takes no files, or what lies there cannot be read.
    pub fn open(path: &Path, key: &str) -> Result<ResumableFile, FormatError> {
        let failed = |error| FormatError::io(path, "write", error);
        let (folder, prefix) = (parent(path), format!(".{}.", file_name(path)));
        let part = folder.join(format!("{prefix}{}.resume", &key[..SHOWN.min(key.len())]));
        let journal = part.with_extension("resume-at");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&part).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let busy = io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing it");
                return Err(failed(busy));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        discard_others(&folder, &prefix, &[&part, &journal]);
        let length = file.metadata().map_err(failed)?.len();
        let kept = settled(&journal).filter(|at| *at <= length).unwrap_or(0);
        file.set_len(kept).map_err(failed)?;
        let mut file = BufWriter::with_capacity(1 << 18, file);
        file.seek(SeekFrom::Start(kept)).map_err(failed)?;
        Ok(ResumableFile { path: path.to_owned(), part, journal, file, kept, settling: Settling::default() })
    }

    /// Bytes that an earlier process left.
    pub fn kept(&self) -> u64 {
        self.kept
    }

    /// Begins to put all that was written so far where no crash takes it from, and to remember that, unless that is still being
    /// done for what was written before.
    ///
    /// # Errors
    /// The disk is full, or it was the last time.
    pub fn settle_meanwhile(&mut self) -> Result<(), FormatError> {
        if self.settling.is_busy() {
            return Ok(());
        }
        self.settling.wait()?;
        let failed = |error| FormatError::io(&self.path, "write", error);
        let at = self.file.stream_position().map_err(failed)?;
        self.file.flush().map_err(failed)?;
        let file = self.file.get_ref().try_clone().map_err(failed)?;
        let (path, journal) = (self.path.clone(), self.journal.clone());
        self.settling.0 = Some(thread::spawn(move || {
            file.sync_data().map_err(|error| FormatError::io(&path, "write", error))?;
            let mut new = NewFile::create(&journal)?;
            new.write_all(at.to_string().as_bytes()).map_err(|error| FormatError::io(&journal, "write", error))?;
            new.keep()
        }));
        Ok(())
    }

    /// As [`ResumableFile::settle_meanwhile`], all of it, and waits until it is done.
    ///
    /// # Errors
    /// The disk is full.
    pub fn settle(&mut self) -> Result<(), FormatError> {
        self.settling.wait()?;
        self.settle_meanwhile()?;
        self.settling.wait()
    }

    /// Where what was written lies meanwhile, for whoever reads it before it has its name.
    ///
    /// # Errors
    /// The disk is full.
    pub fn written(&mut self) -> Result<&Path, FormatError> {
        self.flush().map_err(|error| FormatError::io(&self.path, "write", error))?;
        Ok(&self.part)
    }

    /// Writes over its beginning.
    ///
    /// # Errors
    /// The disk is full.
    pub fn write_over(&mut self, bytes: &[u8]) -> Result<(), FormatError> {
        let written = self.file.rewind().and_then(|()| self.file.write_all(bytes)).and_then(|()| self.file.flush());
        written.map_err(|error| FormatError::io(&self.path, "write", error))
    }

    /// Gives it its name, in the place of what had it.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub fn keep(mut self) -> Result<(), FormatError> {
        self.settling.wait()?;
        let failed = |error| FormatError::io(&self.path, "write", error);
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(failed)?;
        std::fs::rename(&self.part, &self.path).map_err(failed)?;
        remove(&self.journal).map_err(failed)
    }

    /// Leaves nothing of it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn discard(mut self) -> Result<(), FormatError> {
        // What it was about to say of a file that goes is of no interest.
        let _ = self.settling.wait();
        let removed = remove(&self.part).and_then(|()| remove(&self.journal));
        removed.map_err(|error| FormatError::io(&self.path, "write", error))
    }
}

impl Write for ResumableFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The length that a journal holds.
fn settled(journal: &Path) -> Option<u64> {
    let mut text = String::new();
    File::open(journal).ok()?.take(20).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Takes away what other runs left of the same file, unless one of them is still writing.
fn discard_others(folder: &Path, prefix: &str, own: &[&Path]) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in entries.filter(|path| !own.contains(&path.as_path())) {
        let name = file_name(&path);
        if name.starts_with(prefix) && name.ends_with(".resume") && is_free(&path) {
            // What cannot be removed lies there for another time.
            let _ = remove(&path).and_then(|()| remove(&path.with_extension("resume-at")));
        }
    }
}

fn is_free(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|e| file_name(&e.unwrap().path())).collect();
        names.sort();
        names
    }

    #[test]
    fn what_was_settled_is_there_again_and_what_was_not_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let mut first = ResumableFile::open(&path, "aa").unwrap();
        first.write_all(b"settled").unwrap();
        first.settle().unwrap();
        first.write_all(b" and not").unwrap();
        drop(first);
        let mut second = ResumableFile::open(&path, "aa").unwrap();
        assert_eq!(second.kept(), 7);
        second.write_all(b", and on").unwrap();
        second.write_over(b"S").unwrap();
        second.keep().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"Settled, and on");
        assert_eq!(names(folder.path()), ["model.gguf"]);
    }

    #[test]
    fn another_key_begins_anew_and_takes_the_leavings_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let mut first = ResumableFile::open(&path, "aa").unwrap();
        first.write_all(b"first").unwrap();
        first.settle().unwrap();
        drop(first);
        let second = ResumableFile::open(&path, "bb").unwrap();
        assert_eq!((second.kept(), names(folder.path())), (0, vec![".model.gguf.bb.resume".to_owned()]));
        second.discard().unwrap();
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn two_processes_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let _first = ResumableFile::open(&path, "aa").unwrap();
        let error = ResumableFile::open(&path, "aa").unwrap_err().to_string();
        assert!(error.contains("another process is writing it"), "{error}");
    }

    #[test]
    fn a_journal_that_promises_more_than_there_is_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let mut first = ResumableFile::open(&path, "aa").unwrap();
        first.write_all(b"whole").unwrap();
        first.settle().unwrap();
        drop(first);
        std::fs::write(folder.path().join(".model.gguf.aa.resume"), b"cut").unwrap();
        assert_eq!(ResumableFile::open(&path, "aa").unwrap().kept(), 0);
    }
}
