//! One process at a time fetches a blob. The lock is the one that Hugging Face's tools take.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::error::FetchError;
use crate::patience::Cancel;

/// How often a lock that another process has is tried.
const AGAIN: Duration = Duration::from_millis(100);

/// Takes the lock, and waits where another process has it; `waiting` is told that once. It is given back when the
/// file is closed, also by a process that is killed.
pub(crate) fn take(path: &Path, cancel: &Cancel, mut waiting: impl FnMut()) -> Result<File, FetchError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(FetchError::disk(folder))?;
    }
    let file = File::options().create(true).truncate(false).read(true).write(true).open(path);
    let file = file.map_err(FetchError::disk(path))?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut told, true) {
                    waiting();
                }
                cancel.sleep(AGAIN)?;
            }
            // A file system without locks: everybody fetches, and the last one renames.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(FetchError::Disk { path: path.to_owned(), source }),
        }
    }
}
