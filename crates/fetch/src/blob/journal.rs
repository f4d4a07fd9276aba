//! Which bytes of an unfinished file are on the disk, so that an interrupted fetch goes on from there.
//!
//! The first line is JSON and says of which file; each further line is a range that was synced before it was written.
//! A line without its end is not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::spans::Spans;

/// Of this layout.
const VERSION: u32 = 1;
/// Longest journal that is read.
const LONGEST: u64 = 16 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    plimsoll_journal: u32,
    size: u64,
    digest: Option<Digest>,
    etag: Option<String>,
}

/// The journal of one unfinished file.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    head: Head,
    spans: Spans,
    /// Open once there is something to write.
    file: Option<File>,
}

impl Journal {
    /// What is noted at `path` of a file of this size and hash; nothing where it is of another.
    pub(crate) fn open(path: &Path, size: u64, digest: Option<&Digest>) -> Journal {
        let fresh = Head { plimsoll_journal: VERSION, size, digest: digest.cloned(), etag: None };
        let (head, spans) = read(path, &fresh).unwrap_or((fresh, Spans::default()));
        Journal { path: path.to_owned(), head, spans, file: None }
    }

    /// What is on the disk.
    pub(crate) fn spans(&self) -> &Spans {
        &self.spans
    }

    /// The entity tag under which the bytes came.
    pub(crate) fn etag(&self) -> Option<&str> {
        self.head.etag.as_deref()
    }

    /// Notes the entity tag, before any byte that came under it.
    pub(crate) fn set_etag(&mut self, etag: &str) {
        self.head.etag = Some(etag.to_owned());
        self.file = None;
    }

    /// Notes that a range is on the disk.
    pub(crate) fn add(&mut self, range: Range<u64>) -> io::Result<()> {
        self.spans.add(range.clone());
        match &mut self.file {
            Some(file) => file.write_all(line(&range).as_bytes()),
            // Written anew, so that it begins whole: an interrupted one may end in the midst of a line.
            None => {
                self.file = Some(self.rewrite()?);
                Ok(())
            }
        }
    }

    fn rewrite(&self) -> io::Result<File> {
        let aside = self.path.with_extension("new.incomplete");
        let mut text = serde_json::to_string(&self.head)?;
        text.push('\n');
        text.extend(self.spans.iter().map(line));
        fs::write(&aside, text)?;
        fs::rename(&aside, &self.path)?;
        OpenOptions::new().append(true).open(&self.path)
    }
}

fn line(range: &Range<u64>) -> String {
    format!("{} {}\n", range.start, range.end)
}

fn read(path: &Path, wanted: &Head) -> Option<(Head, Spans)> {
    if !fs::symlink_metadata(path).ok().is_some_and(|found| found.is_file() && found.len() <= LONGEST) {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let whole = &text[..text.rfind('\n')?];
    let mut lines = whole.split('\n');
    let head: Head = serde_json::from_str(lines.next()?).ok()?;
    let of_this = (head.plimsoll_journal, head.size, &head.digest) == (VERSION, wanted.size, &wanted.digest);
    let mut spans = Spans::default();
    for line in lines {
        let (start, end) = line.split_once(' ')?;
        let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
        if start > end || end > head.size {
            return None;
        }
        spans.add(start..end);
    }
    of_this.then_some((head, spans))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(dir: &Path) -> PathBuf {
        let path = dir.join("x.journal");
        let mut journal = Journal::open(&path, 100, None);
        journal.set_etag("\"e\"");
        journal.add(0..10).unwrap();
        journal.add(50..60).unwrap();
        journal.add(10..12).unwrap();
        path
    }

    #[test]
    fn what_was_noted_is_read_again_and_of_another_file_nothing_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = written(dir.path());
        let again = Journal::open(&path, 100, None);
        assert_eq!((again.spans().len(), again.etag()), (22, Some("\"e\"")));
        assert_eq!(Journal::open(&path, 101, None).spans().len(), 0);
        let digest = Digest::sha256(&"a".repeat(64)).unwrap();
        let other = Journal::open(&path, 100, Some(&digest));
        assert_eq!((other.spans().len(), other.etag()), (0, None));
    }

    proptest! {
        #[test]
        fn wherever_it_was_cut_it_says_no_byte_that_was_not_noted(cut in 0usize..120, then in 60u64..70) {
            let dir = tempfile::tempdir().unwrap();
            let path = written(dir.path());
            let whole = fs::read(&path).unwrap();
            fs::write(&path, &whole[..cut.min(whole.len())]).unwrap();
            let mut journal = Journal::open(&path, 100, None);
            for span in journal.spans().iter() {
                prop_assert!(span.end <= 12 || (span.start >= 50 && span.end <= 60), "{:?}", span);
            }
            let before = journal.spans().len();
            journal.add(then..then + 5).unwrap();
            let again = Journal::open(&path, 100, None).spans().len();
            prop_assert!(again >= before && again <= before + 5, "goes on after a cut");
        }

        #[test]
        fn any_bytes_are_a_journal_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("x");
            fs::write(&path, bytes).unwrap();
            prop_assert!(Journal::open(&path, 100, None).spans().len() <= 100);
        }
    }
}
