//! What one rendering may use up: steps, what each step reads and builds, nesting, and time.
//!
//! A step is charged by what it costs: comparing, searching and copying by the bytes they touch. What is built is charged
//! as it is built and never given back, so that memory stays within the budget whatever is kept.

use std::cell::Cell;
use std::time::{Duration, Instant};

use super::python::{Fail, Outcome};

/// What one rendering may use up. Every copy counts, and some published templates copy the prompt so far for each of a
/// thousand messages.
pub const RENDERING: Budget = Budget { bytes: 512 << 20, steps: 10_000_000, time: Duration::from_secs(10) };
/// What a rendering of a few words may use up.
pub const PROBE: Budget = Budget { bytes: 16 << 20, steps: 500_000, time: Duration::from_secs(1) };
/// Bytes that are read in the time of a step.
pub const BYTES_A_STEP: usize = 64;
/// Bytes that are gone through character by character in the time of a step.
const SCANNED_BYTES_A_STEP: usize = 8;
/// Bytes that one step may go through character by character: the clock is looked at between steps only, and some of them
/// take a tenth of a microsecond for a character.
pub const MAX_SCANNED_BYTES: usize = 4 << 20;
/// Places that one step may find in a text, each of which is copied, counted or made a piece.
const MAX_PLACES: usize = 4 << 20;
/// What an item of a list takes: its value, and mostly something that the value owns, in bytes.
const ITEM_BYTES: usize = 64;
/// What an entry of a dict takes: a key, a value, and what the key is found by, in bytes.
const ENTRY_BYTES: usize = 192;
/// Steps between looks at the clock, which take the time of one.
const BETWEEN_LOOKS: u64 = 64;
/// The bytes that one value may take. Whatever is made of one is made of no more, so that a copy that is only passed on
/// stays small beside the budget.
pub const MAX_VALUE_BYTES: usize = 64 << 20;
/// Expressions, statements and calls within one another; the stack of a rendering holds as many.
const MAX_NESTING: u32 = 3000;

/// Bounds of one rendering.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// That may be built.
    pub bytes: usize,
    /// That may be taken.
    pub steps: u64,
    /// That may pass; steps end a rendering first on any machine that is not overloaded.
    pub time: Duration,
}

/// What is left for one rendering.
pub struct Meter {
    steps: Cell<u64>,
    look_at: Cell<u64>,
    bytes: Cell<usize>,
    nesting: Cell<u32>,
    end: Instant,
}

impl Meter {
    /// For one rendering.
    pub fn new(budget: Budget) -> Meter {
        let Budget { bytes, steps, time } = budget;
        let (bytes, nesting, end) = (Cell::new(bytes), Cell::new(0), Instant::now() + time);
        Meter { look_at: Cell::new(steps.saturating_sub(BETWEEN_LOOKS)), steps: Cell::new(steps), bytes, nesting, end }
    }

    /// One step.
    pub fn step(&self) -> Outcome<()> {
        self.steps(1)
    }

    fn steps(&self, n: u64) -> Outcome<()> {
        let left = self.steps.get().checked_sub(n).ok_or(Fail::TooMuch("runs longer than any honest one"))?;
        self.steps.set(left);
        if left < self.look_at.get() {
            self.look_at.set(left.saturating_sub(BETWEEN_LOOKS));
            if Instant::now() > self.end {
                return Err(Fail::TooMuch("runs longer than any honest one"));
            }
        }
        Ok(())
    }

    /// Something reads `bytes`.
    pub fn read(&self, bytes: usize) -> Outcome<()> {
        self.steps(1 + (bytes / BYTES_A_STEP) as u64)
    }

    /// Something goes through `bytes` of text character by character.
    pub fn scan(&self, bytes: usize) -> Outcome<()> {
        if bytes > MAX_SCANNED_BYTES {
            return Err(Fail::TooMuch("goes through more than 4 MiB of text at once"));
        }
        self.steps(1 + (bytes / SCANNED_BYTES_A_STEP) as u64)
    }

    /// How many `places` something finds in a text: `most` at most.
    pub fn places(&self, places: impl Iterator, most: Option<usize>) -> Outcome<usize> {
        let found = places.take(most.unwrap_or(usize::MAX).min(MAX_PLACES + 1)).count();
        if found > MAX_PLACES {
            return Err(Fail::TooMuch("finds more than four million places in a text"));
        }
        self.read(found.saturating_mul(SCANNED_BYTES_A_STEP))?;
        Ok(found)
    }

    /// Something builds `bytes` at once.
    pub fn build(&self, bytes: usize) -> Outcome<()> {
        let left = self.bytes.get().checked_sub(bytes).filter(|_| bytes <= MAX_VALUE_BYTES);
        let left = left.ok_or(Fail::TooMuch("takes more memory than any honest one"))?;
        self.bytes.set(left);
        self.read(bytes)
    }

    /// Something builds `n` items.
    pub fn charge_items(&self, n: usize) -> Outcome<()> {
        self.build(n.saturating_mul(ITEM_BYTES))
    }

    /// Something builds an entry of a dict.
    pub fn charge_entry(&self) -> Outcome<()> {
        self.build(ENTRY_BYTES)
    }

    /// Something goes through `n` names of variables.
    pub fn charge_names(&self, n: usize) -> Outcome<()> {
        if n == 0 { Ok(()) } else { self.steps(n as u64) }
    }

    /// Something makes text longer piece by piece: `bytes` more behind `before`.
    pub fn grow(&self, before: usize, bytes: usize) -> Outcome<()> {
        if before.saturating_add(bytes) > MAX_VALUE_BYTES {
            return Err(Fail::TooMuch("writes more than 64 MiB"));
        }
        self.build(bytes)
    }

    /// Does `work` one level deeper.
    pub fn deeper<T>(&self, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
        let nesting = self.nesting.get() + 1;
        if nesting > MAX_NESTING {
            return Err(Fail::TooMuch("nests deeper than any honest one"));
        }
        self.nesting.set(nesting);
        let done = work();
        self.nesting.set(nesting - 1);
        done
    }
}
