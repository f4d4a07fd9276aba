//! Many texts looked for in one pass, prepared in time that grows as they do.

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};

/// Texts to be looked for, by their number in the order given.
#[derive(Clone, Default)]
pub(crate) struct Search(Option<DoubleArrayAhoCorasick<u32>>);

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Search").field(&self.0.as_ref().map(DoubleArrayAhoCorasick::num_states)).finish()
    }
}

impl Search {
    /// For [`Search::longest`]. No text is empty or stands twice.
    ///
    /// # Errors
    /// There are more than can be numbered.
    pub fn for_longest(texts: &[impl AsRef<[u8]>]) -> Result<Self, String> {
        Self::new(texts, MatchKind::LeftmostLongest)
    }

    /// For [`Search::beginnings`]. No text is empty or stands twice.
    ///
    /// # Errors
    /// There are more than can be numbered.
    pub fn for_beginnings(texts: &[impl AsRef<[u8]>]) -> Result<Self, String> {
        Self::new(texts, MatchKind::Standard)
    }

    fn new(texts: &[impl AsRef<[u8]>], kind: MatchKind) -> Result<Self, String> {
        if texts.is_empty() {
            return Ok(Self::default());
        }
        let built = DoubleArrayAhoCorasickBuilder::new().match_kind(kind).build(texts);
        built.map(|search| Self(Some(search))).map_err(|error| error.to_string())
    }

    /// Where texts are found from left to right, the longest of those that begin first: from, to, number.
    pub fn longest<'s>(&'s self, text: &'s str) -> impl Iterator<Item = (usize, usize, usize)> + 's {
        let found = self.0.iter().flat_map(move |search| search.leftmost_find_iter(text));
        found.map(|found| (found.start(), found.end(), found.value() as usize))
    }

    /// Where texts begin, overlapping or not, in the order of their ends.
    pub fn beginnings<'s>(&'s self, text: &'s str) -> impl Iterator<Item = usize> + 's {
        self.0.iter().flat_map(move |search| search.find_overlapping_iter(text)).map(|found| found.start())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_the_leftmost_is_found_and_every_beginning() {
        let texts = ["ab", "abc", "ca", "é"];
        let longest = Search::for_longest(&texts).unwrap();
        assert_eq!(longest.longest("xabcaéab").collect::<Vec<_>>(), [(1, 4, 1), (5, 7, 3), (7, 9, 0)]);
        let beginnings = Search::for_beginnings(&["ab", "bca", "ca"]).unwrap();
        assert_eq!(beginnings.beginnings("abca").collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(Search::default().longest("a").count() + Search::default().beginnings("a").count(), 0);
    }
}
