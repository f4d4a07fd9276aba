//! Several connections that fetch the parts of one file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::journal::Journal;
use super::supervise::{Bench, Trouble, supervise};
use super::{Fetching, Job, Parts};
use crate::error::FetchError;
use crate::hub::bare_etag;
use crate::wire::{Answer, Follow, Method};

/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;

/// The parts that are not there yet, and the journal of those that are.
pub(super) struct Crew<'a> {
    job: &'a Job<'a>,
    parts: Parts,
    /// Whether another entity tag is another file.
    strict: bool,
    pieces: Mutex<VecDeque<Range<u64>>>,
    journal: Mutex<Journal>,
}

impl<'a> Crew<'a> {
    pub(super) fn new(job: &'a Job<'a>, journal: Journal, parts: Parts, strict: bool) -> Crew<'a> {
        let pieces = Mutex::new(journal.spans().missing(job.size, parts.part).into());
        Crew { job, parts, strict, pieces, journal: Mutex::new(journal) }
    }

    /// Fetches all that is missing.
    pub(super) fn work(self, fetching: &mut Fetching<'_>, fetched: &mut u64) -> Result<(), Trouble> {
        let kept = locked(&self.journal).spans().len();
        let threads = self.parts.connections.clamp(1, locked(&self.pieces).len().max(1));
        supervise(fetching, self.job, threads, kept, fetched, &|bench| {
            let path = self.job.part();
            let mut file = OpenOptions::new().write(true).open(&path).map_err(FetchError::disk(&path))?;
            while let Some(piece) = self.next() {
                self.piece(bench, &mut file, piece)?;
            }
            Ok(())
        })
    }

    fn next(&self) -> Option<Range<u64>> {
        locked(&self.pieces).pop_front()
    }

    /// Fetches one part, over as many connections as it takes.
    fn piece(&self, bench: &Bench, file: &mut File, mut piece: Range<u64>) -> Result<(), Trouble> {
        let mut failed = 0;
        while !piece.is_empty() {
            bench.halt.check()?;
            let before = piece.start;
            match self.some(bench, file, &mut piece) {
                Ok(()) => {}
                Err(Trouble::Error(error)) => {
                    failed = if piece.start - before >= BUFFER as u64 { 1 } else { failed + 1 };
                    bench.before_try(failed, error)?;
                }
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    /// Fetches from the start of a part as far as one connection goes; the part becomes what is left of it.
    fn some(&self, bench: &Bench, file: &mut File, piece: &mut Range<u64>) -> Result<(), Trouble> {
        let answer = self.ask(bench, piece)?;
        let sized = answer.header("content-length").is_some();
        let mut reader = answer.body;
        let path = self.job.part();
        file.seek(SeekFrom::Start(piece.start)).map_err(FetchError::disk(&path))?;
        let mut buffer = vec![0; BUFFER];
        let mut safe = piece.start;
        let mut ended = Ok(());
        while !piece.is_empty() && ended.is_ok() {
            let most = BUFFER.min((piece.end - piece.start) as usize);
            ended = match reader.read(&mut buffer[..most]) {
                Ok(0) => {
                    Err(FetchError::Truncated { address: self.job.address.clone(), missing: piece.end - piece.start })
                }
                Ok(n) => {
                    file.write_all(&buffer[..n]).map_err(FetchError::disk(&path))?;
                    piece.start += n as u64;
                    bench.came(n as u64);
                    bench.halt.check()
                }
                Err(error) => Err(bench.wire.broken(&self.job.address, error.into())),
            };
            if piece.start - safe >= self.parts.step {
                self.make_safe(file, safe..piece.start)?;
                safe = piece.start;
            }
        }
        if piece.start > safe {
            self.make_safe(file, safe..piece.start)?;
        }
        if sized && ended.is_ok() {
            // The end of the body, after which the connection serves for the next part.
            let _ = reader.read(&mut buffer[..1]);
        }
        Ok(ended?)
    }

    /// Asks for a part, and looks whether what comes is it.
    fn ask(&self, bench: &Bench, piece: &Range<u64>) -> Result<Answer, Trouble> {
        let address = &self.job.address;
        let range = format!("bytes={}-{}", piece.start, piece.end - 1);
        let known = locked(&self.journal).etag().filter(|_| self.strict).map(str::to_owned);
        let mut headers = vec![("range", range.as_str())];
        // A weak tag does not hold bytes together.
        headers.extend(known.as_deref().filter(|etag| etag.starts_with('"')).map(|etag| ("if-range", etag)));
        let answer = bench.wire.ask(Method::Get, address, &headers, Follow::All)?;
        let changed = || FetchError::Changed { address: address.clone() };
        if answer.status == 416 {
            return Err(changed().into());
        }
        (self.job.judge)(&answer)?;
        let mut journal = locked(&self.journal);
        let etag = answer.header("etag");
        let differs = |first: &str| etag.is_some_and(|etag| bare_etag(etag) != bare_etag(first));
        if self.strict && journal.etag().is_some_and(differs) {
            return Err(changed().into());
        }
        if answer.header("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(self.answer("the bytes came compressed, which was not asked for").into());
        }
        if answer.status != 206 {
            return Err(Trouble::RangeIgnored);
        }
        self.check_range(&answer, piece)?;
        if let Some(etag) = etag.filter(|_| journal.etag().is_none()) {
            journal.set_etag(etag);
        }
        drop(journal);
        Ok(answer)
    }

    fn check_range(&self, answer: &Answer, piece: &Range<u64>) -> Result<(), FetchError> {
        let said = answer.header("content-range").unwrap_or_default();
        let parsed = said.strip_prefix("bytes ").and_then(|said| said.split_once('/'));
        let parsed = parsed.and_then(|(range, total)| Some((range.split_once('-')?, total.parse::<u64>().ok())));
        let Some(((start, end), total)) = parsed else {
            return Err(self.answer("the answer does not say which part of the file it is"));
        };
        let size = self.job.size;
        if let Some(total) = total.filter(|total| *total != size) {
            return Err(self.answer(&format!("the file is {total} bytes long, and {size} were announced")));
        }
        // Who sends less than was asked for is asked for the rest.
        let starts = start.parse() == Ok(piece.start);
        if !starts || !end.parse::<u64>().is_ok_and(|end| end < piece.end && end >= piece.start) {
            return Err(self.answer(&format!("asked for bytes {}-{}, it sends {said}", piece.start, piece.end - 1)));
        }
        Ok(())
    }

    fn answer(&self, problem: &str) -> FetchError {
        FetchError::Answer { address: self.job.address.clone(), problem: problem.to_owned() }
    }

    /// Has the disk keep a range, and only then notes that it does.
    fn make_safe(&self, file: &File, range: Range<u64>) -> Result<(), FetchError> {
        let written = || -> io::Result<()> {
            file.sync_data()?;
            locked(&self.journal).add(range)
        };
        written().map_err(FetchError::disk(&self.job.journal()))
    }
}

/// A thread that panicked ends the program; what it held is not looked at again.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
