//! Which keys a query may see. Every mask in use is one contiguous range of positions.

use std::ops::Range;

/// The keys that a query at some position attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mask {
    /// All keys up to and including the query's own position.
    Causal,
    /// The last `n` positions, the query's own among them.
    Sliding(usize),
    /// Keys of the query's own block of `n` positions: aligned to blocks, it does not slide.
    Chunked(usize),
}

impl Mask {
    /// The positions of the keys that a query at `position` sees, never empty.
    ///
    /// ```
    /// use plimsoll_graph::Mask;
    /// assert_eq!(Mask::Causal.span(9), 0..10);
    /// assert_eq!(Mask::Sliding(4).span(9), 6..10);
    /// assert_eq!(Mask::Chunked(4).span(9), 8..10);
    /// ```
    pub fn span(self, position: usize) -> Range<usize> {
        let start = match self {
            Mask::Causal => 0,
            Mask::Sliding(n) => (position + 1).saturating_sub(n),
            Mask::Chunked(n) => position / n * n,
        };
        start..position + 1
    }
}
