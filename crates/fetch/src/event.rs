//! What is told while files are fetched.

use std::time::Duration;

/// Something that happened to one file. `name` is its name in the repository.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// It is begun, or gone on with.
    Began {
        /// Which.
        name: &'a str,
        /// Bytes in all.
        size: u64,
        /// Bytes that are here from an earlier time.
        kept: u64,
    },
    /// More of it came.
    Came {
        /// Which.
        name: &'a str,
        /// Bytes that are here now.
        done: u64,
        /// Bytes in all.
        size: u64,
    },
    /// Another process fetches it; that is waited for.
    Waiting {
        /// Which.
        name: &'a str,
    },
    /// Something failed that may pass, and is tried again.
    Retrying {
        /// Which.
        name: &'a str,
        /// What failed, in words.
        why: &'a str,
        /// When it is tried again.
        after: Duration,
    },
    /// What came is of no use, and it is begun again.
    Restarted {
        /// Which.
        name: &'a str,
        /// Why, in words.
        why: &'a str,
    },
    /// Its bytes are compared with its hash.
    Checking {
        /// Which.
        name: &'a str,
        /// Bytes that were read.
        done: u64,
        /// Bytes in all.
        size: u64,
    },
    /// It is in its place.
    Done {
        /// Which.
        name: &'a str,
        /// Bytes.
        size: u64,
    },
}
