//! Whether the system is asked to fetch weights ahead of their use.

/// Mixtures that go by without anything read from disk before nothing more is asked for.
const PATIENCE: u32 = 256;

/// Asks as long as this process reads from disk: where all is in memory, the system looks at each page of an expert to find
/// nothing to do, which took an eighth of every token of gpt-oss-20b.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    reads: u64,
    left: u32,
}

impl Default for ReadAhead {
    fn default() -> ReadAhead {
        ReadAhead { reads: 0, left: PATIENCE }
    }
}

impl ReadAhead {
    /// For the mixture that comes next.
    pub(crate) fn is_due(&mut self) -> bool {
        self.is_due_after(reads())
    }

    /// The same after so many reads of this process.
    fn is_due_after(&mut self, reads: u64) -> bool {
        let has_read = std::mem::replace(&mut self.reads, reads) != reads;
        self.left = if has_read { PATIENCE } else { self.left.saturating_sub(1) };
        self.left > 0
    }
}

/// Times that this process read from disk so far, or had to wait for a page.
#[cfg(unix)]
fn reads() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| (usage.block_reads() + usage.major_page_faults()) as u64)
}

/// Nothing is asked for here; see [`plimsoll_formats::FileBytes::will_need`].
#[cfg(not(unix))]
fn reads() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_memory_is_not_asked_for_until_something_is_read_again() {
        let mut ahead = ReadAhead::default();
        let asked = (0..2 * PATIENCE).filter(|_| ahead.is_due_after(0)).count() as u32;
        assert_eq!(asked, PATIENCE - 1, "in the beginning nothing is known");
        assert!(ahead.is_due_after(1));
        assert!((0..PATIENCE - 1).all(|_| ahead.is_due_after(1)));
        assert!(!ahead.is_due_after(1));
    }
}
