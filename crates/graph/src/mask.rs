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

/// What a query sees beyond its own position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ahead {
    /// Nothing.
    #[default]
    Nothing,
    /// All of the picture that it belongs to, but for what lies before its mask's range. Source: transformers masking_utils.py,
    /// `sliding_window_overlay`, which bounds what is before the query alone.
    Picture,
    /// All of the prompt that it belongs to.
    Prompt,
}

impl Ahead {
    /// The positions that a query at `position` sees which belongs to `block` of positions, a picture or a prompt.
    ///
    /// ```
    /// use plimsoll_graph::{Ahead, Mask};
    /// assert_eq!(Ahead::Picture.span(Mask::Sliding(2), 5, Some(&(3..9))), 4..9);
    /// assert_eq!(Ahead::Nothing.span(Mask::Causal, 5, Some(&(3..9))), 0..6);
    /// ```
    pub fn span(self, mask: Mask, position: usize, block: Option<&Range<usize>>) -> Range<usize> {
        let seen = mask.span(position);
        match (self, block) {
            (Ahead::Nothing, _) | (_, None) => seen,
            (Ahead::Picture, Some(block)) => seen.start..block.end.max(seen.end),
            (Ahead::Prompt, Some(block)) => seen.start.min(block.start)..block.end.max(seen.end),
        }
    }
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
