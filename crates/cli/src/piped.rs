//! What is piped into a command.

use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::notice::say;

/// Longer than what any model reads.
pub const MOST_BYTES: u64 = 64 << 20;
/// After this time somebody may wonder what is waited for.
const LONG: Duration = Duration::from_secs(3);

/// Whether standard input is a pipe or a file: then somebody put something there.
#[cfg(not(unix))]
pub fn is_there() -> bool {
    !std::io::IsTerminal::is_terminal(&std::io::stdin())
}

/// Whether standard input is a pipe or a file: then somebody put something there.
#[cfg(unix)]
pub fn is_there() -> bool {
    use std::fs::File;
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileTypeExt;
    let stdin = std::io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let kind = stdin.and_then(|stdin| stdin.metadata()).map(|metadata| metadata.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_file())
}

/// All of standard input as text. A wait of some seconds says what for.
///
/// # Errors
/// It cannot be read, is no UTF-8 or longer than [`MOST_BYTES`].
pub fn text() -> anyhow::Result<String> {
    let (done, heard) = channel::<()>();
    thread::spawn(move || {
        if heard.recv_timeout(LONG) == Err(RecvTimeoutError::Timeout) {
            say("note: waiting for the end of standard input (`< /dev/null` where nothing is to come from there)");
        }
    });
    let bytes = whole(std::io::stdin().lock()).context("standard input")?;
    drop(done);
    String::from_utf8(bytes).context("standard input is not UTF-8")
}

/// Everything of the file at `path`.
///
/// # Errors
/// It cannot be read, is no file, or is longer than [`MOST_BYTES`]; the path is named.
pub fn file(path: &Path) -> anyhow::Result<Vec<u8>> {
    let read = || whole(plimsoll_formats::open_regular(path)?);
    read().with_context(|| path.display().to_string())
}

/// Everything of a source that may be without end.
///
/// # Errors
/// It cannot be read, or is longer than [`MOST_BYTES`].
pub fn whole(source: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        bail!("longer than {} MiB", MOST_BYTES >> 20);
    }
    Ok(bytes)
}
