//! A file in one piece: a small one, or a large one from a server that knows no parts.

use std::fs::File;
use std::io::{self, Read, Write};

use super::supervise::{Bench, Trouble, Word, supervise};
use super::{Fetching, Job};
use crate::error::FetchError;
use crate::wire::{Follow, Method};

/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;

/// Fetches the file from its first byte to its last, from the first again where the connection breaks.
pub(super) fn fetch(fetching: &mut Fetching<'_>, job: &Job<'_>, fetched: &mut u64) -> Result<(), FetchError> {
    let _ = std::fs::remove_file(job.journal());
    let work = |bench: &Bench| -> Result<(), Trouble> {
        let mut failed = 0;
        while let Err(error) = once(bench, job) {
            failed += 1;
            bench.before_try(failed, error)?;
        }
        Ok(())
    };
    supervise(fetching, job, 1, 0, fetched, &work).map_err(|trouble| trouble.into_error(&job.address))
}

fn once(bench: &Bench, job: &Job<'_>) -> Result<(), FetchError> {
    let _ = bench.words.send(Word::Anew);
    let path = job.part();
    let mut file = File::create(&path).map_err(FetchError::disk(&path))?;
    let address = &job.address;
    let answer = bench.wire.ask(Method::Get, address, &[], Follow::All)?;
    (job.judge)(&answer)?;
    let wrong = |problem: String| FetchError::Answer { address: address.clone(), problem };
    if answer.header("content-encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(wrong("the bytes came compressed, which was not asked for".to_owned()));
    }
    let length = answer.header("content-length").and_then(|length| length.parse::<u64>().ok());
    if let Some(length) = length.filter(|length| *length != job.size) {
        return Err(wrong(format!("the file is {length} bytes long, and {} were announced", job.size)));
    }
    let mut reader = answer.body;
    let (mut buffer, mut done) = (vec![0; BUFFER], 0);
    loop {
        bench.halt.check()?;
        let n = match reader.read(&mut buffer) {
            Ok(0) if done < job.size => {
                return Err(FetchError::Truncated { address: address.clone(), missing: job.size - done });
            }
            Ok(0) => break,
            Ok(n) => n,
            Err(error) => return Err(broken(bench, job, done, error)),
        };
        done += n as u64;
        if done > job.size {
            return Err(wrong(format!("more than the {} bytes came that were announced", job.size)));
        }
        file.write_all(&buffer[..n]).map_err(FetchError::disk(&path))?;
        bench.came(n as u64);
    }
    file.sync_data().map_err(FetchError::disk(&path))
}

fn broken(bench: &Bench, job: &Job<'_>, done: u64, error: io::Error) -> FetchError {
    let address = &job.address;
    match bench.wire.broken(address, error.into()) {
        FetchError::Connection { .. } => FetchError::Truncated { address: address.clone(), missing: job.size - done },
        other => other,
    }
}
