//! What a process inside may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What each of the two processes of a run may take; the time on the clock is for both together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Address space, in bytes.
    pub memory: u64,
    /// Time on the processor, in s.
    pub cpu: u64,
    /// Time on the clock, from the start to the verdict.
    pub wall: Duration,
    /// What the code may print, in bytes.
    pub output: usize,
    /// The size of a file that it writes, and of all of `/tmp`, in bytes.
    pub file: u64,
    /// Files and folders in `/tmp`.
    pub entries: u64,
    /// Threads, where the system counts them; new processes there are none.
    pub threads: u64,
    /// Files open at once.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: 512 << 20,
            cpu: 5,
            wall: Duration::from_secs(10),
            output: 64 << 10,
            file: 16 << 20,
            entries: 1024,
            threads: 32,
            open_files: 64,
        }
    }
}
