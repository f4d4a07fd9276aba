//! Threads that fetch, and the one that waits for them, tells what they do, and stops them.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use super::{Fetching, Job};
use crate::address::Address;
use crate::error::FetchError;
use crate::event::Event;
use crate::patience::Cancel;
use crate::wire::Wire;

/// How soon it is noticed that somebody said to stop.
const GLANCE: Duration = Duration::from_millis(50);

/// Why a thread ended before its work did.
#[derive(Debug)]
pub(super) enum Trouble {
    Error(FetchError),
    /// The server sends the whole file, whichever part is asked for.
    RangeIgnored,
}

impl Trouble {
    pub(super) fn into_error(self, address: &Address) -> FetchError {
        match self {
            Trouble::Error(error) => error,
            Trouble::RangeIgnored => FetchError::Answer {
                address: address.clone(),
                problem: "the server sends the whole file for a part of it".to_owned(),
            },
        }
    }
}

impl From<FetchError> for Trouble {
    fn from(error: FetchError) -> Trouble {
        Trouble::Error(error)
    }
}

/// What a thread says of its work.
pub(super) enum Word {
    /// So many more bytes are there.
    Came(u64),
    /// What came so far does not count: it begins anew.
    Anew,
    Retrying {
        why: String,
        after: Duration,
    },
    Ended(Result<(), Trouble>),
}

/// What a thread works with.
pub(super) struct Bench {
    /// With connections that are cut when the work is to stop.
    pub(super) wire: Wire,
    /// Set when the work is to stop.
    pub(super) halt: Cancel,
    pub(super) words: Sender<Word>,
}

impl Bench {
    pub(super) fn came(&self, bytes: u64) {
        let _ = self.words.send(Word::Came(bytes));
    }

    /// Waits before another try, if there is to be one.
    pub(super) fn before_try(&self, failed: u32, error: FetchError) -> Result<(), FetchError> {
        self.halt.check()?;
        let Some(after) = self.wire.patience.wait(failed, &error) else { return Err(error) };
        let _ = self.words.send(Word::Retrying { why: error.to_string(), after });
        self.halt.sleep(after)
    }
}

/// Has `threads` threads do `work`, and waits for all of them. The first trouble stops the others.
pub(super) fn supervise(
    fetching: &mut Fetching<'_>,
    job: &Job<'_>,
    threads: usize,
    kept: u64,
    fetched: &mut u64,
    work: &(dyn Fn(&Bench) -> Result<(), Trouble> + Sync),
) -> Result<(), Trouble> {
    let (wire, halt) = (fetching.wire.apart(), Cancel::default());
    let (words, heard) = channel();
    let mut trouble = None;
    let mut done = kept;
    thread::scope(|scope| {
        for _ in 0..threads {
            let bench = Bench { wire: wire.clone(), halt: halt.clone(), words: words.clone() };
            scope.spawn(move || {
                let ended = work(&bench);
                let _ = bench.words.send(Word::Ended(ended));
            });
        }
        drop(words);
        let name = job.name;
        loop {
            match heard.recv_timeout(GLANCE) {
                Ok(Word::Came(bytes)) => {
                    done += bytes;
                    *fetched += bytes;
                    (fetching.tell)(Event::Came { name, done, size: job.size });
                }
                Ok(Word::Anew) => done = 0,
                Ok(Word::Retrying { why, after }) => (fetching.tell)(Event::Retrying { name, why: &why, after }),
                Ok(Word::Ended(Err(found))) => {
                    trouble.get_or_insert(found);
                }
                Ok(Word::Ended(Ok(()))) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if fetching.cancel.is_cancelled() {
                trouble.get_or_insert(Trouble::Error(FetchError::Cancelled));
            }
            if trouble.is_some() && !halt.is_cancelled() {
                halt.cancel();
                wire.cut();
            }
        }
    });
    trouble.map_or(Ok(()), Err)
}
