//! Which bytes of a file are there.

use std::ops::Range;

/// Ranges of bytes, in order, apart from one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<Range<u64>>);

impl Spans {
    /// Adds a range, which may overlap what is there.
    pub fn add(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        let from = self.0.partition_point(|own| own.end < range.start);
        let to = self.0.partition_point(|own| own.start <= range.end);
        let touched = &self.0[from..to];
        let start = touched.first().map_or(range.start, |own| own.start.min(range.start));
        let end = touched.last().map_or(range.end, |own| own.end.max(range.end));
        self.0.splice(from..to, std::iter::once(start..end));
    }

    /// How many bytes are there.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|own| own.end - own.start).sum()
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = &Range<u64>> {
        self.0.iter()
    }

    /// What of the first `size` bytes is not there, in pieces of at most `part` bytes.
    pub fn missing(&self, size: u64, part: u64) -> Vec<Range<u64>> {
        let ends = self.0.iter().map(|own| own.end);
        let starts = self.0.iter().map(|own| own.start).chain([size]);
        let mut pieces = Vec::new();
        for (mut start, end) in [0].into_iter().chain(ends).zip(starts) {
            while start < end.min(size) {
                let stop = end.min(size).min(start.saturating_add(part.max(1)));
                pieces.push(start..stop);
                start = stop;
            }
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn they_are_the_set_of_bytes_that_was_added(
            ranges in proptest::collection::vec((0u64..64, 0u64..16), 0..12), part in 1u64..9,
        ) {
            let mut spans = Spans::default();
            let mut bytes = [false; 80];
            for (start, len) in ranges {
                spans.add(start..start + len);
                bytes[start as usize..(start + len) as usize].fill(true);
            }
            prop_assert_eq!(spans.len(), bytes.iter().filter(|there| **there).count() as u64);
            prop_assert!(spans.0.windows(2).all(|two| two[0].end < two[1].start), "{:?}", spans);
            let missing = spans.missing(70, part);
            prop_assert!(missing.iter().all(|piece| piece.end - piece.start <= part && piece.start < piece.end));
            let mut after = bytes;
            for piece in missing {
                for at in piece {
                    prop_assert!(!after[at as usize], "byte {} twice", at);
                    after[at as usize] = true;
                }
            }
            prop_assert!(after[..70].iter().all(|there| *there));
        }
    }
}
