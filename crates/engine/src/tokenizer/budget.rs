//! What tokenising one text may take: time, and what the text may grow to on its way.
//!
//! Vocabularies bring their own expressions and replacements, and a product of small numbers (ways to match × places to
//! begin, one replacement after the other) has no bound of itself.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::TokenizerError;

/// What every text has, and what each byte of it adds: published tokenizers take a tenth of this.
const TIME: Duration = Duration::from_secs(1);
const TIME_A_BYTE: Duration = Duration::from_micros(2);
/// Calls between looks at the clock, which together take no longer than a look is worth.
const BETWEEN_LOOKS: u32 = 16;
/// What a model may copy and compare, in bytes.
const MOST_WORK: u64 = 1 << 33;

/// What is left for one text.
#[derive(Debug)]
pub(super) struct Budget {
    length: usize,
    most_bytes: usize,
    work: AtomicU64,
    calls: AtomicU32,
    end: Instant,
}

impl Budget {
    /// For a text of `length` bytes.
    pub fn new(length: usize) -> Self {
        // No character grows to more than elevenfold by Unicode's normal forms, and long text seldom to twice its length.
        let most_bytes = (length.saturating_mul(16) + (1 << 20)).min(length.saturating_mul(4) + (64 << 20));
        let time = TIME + TIME_A_BYTE.saturating_mul(u32::try_from(length).unwrap_or(u32::MAX));
        Self { length, most_bytes, work: AtomicU64::new(0), calls: AtomicU32::new(0), end: Instant::now() + time }
    }

    /// One of many short calls.
    pub fn call(&self) -> Result<(), TokenizerError> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed);
        if calls.is_multiple_of(BETWEEN_LOOKS) { self.look() } else { Ok(()) }
    }

    /// One call that may take long.
    pub fn look(&self) -> Result<(), TokenizerError> {
        if Instant::now() <= self.end { Ok(()) } else { Err(self.too_long()) }
    }

    /// What to say of a text that is not done in time.
    pub fn too_long(&self) -> TokenizerError {
        TokenizerError::TooMuch { what: format!("takes too long over a text of {} bytes", self.length) }
    }

    /// The text is about to have `bytes`.
    pub fn grows(&self, bytes: usize) -> Result<(), TokenizerError> {
        if bytes <= self.most_bytes {
            return Ok(());
        }
        let what = format!("makes {bytes} bytes and more of a text of {}", self.length);
        Err(TokenizerError::TooMuch { what })
    }

    /// Whether a text of `bytes` may be.
    pub fn holds(&self, bytes: usize) -> bool {
        bytes <= self.most_bytes
    }

    /// The model is about to copy or compare `bytes`.
    pub fn works(&self, bytes: u64) -> Result<(), TokenizerError> {
        let before = self.work.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= MOST_WORK { Ok(()) } else { Err(self.too_long()) }
    }
}
