//! The bytes of every token, side by side in one allocation.

/// More tokens than any published vocabulary has; an id beyond it is a mistake in the file.
pub(super) const MAX_TOKENS: usize = 1 << 22;

/// More tokens than any published vocabulary has looked for in text: some have 65,536 for sounds, each with a text.
pub(super) const MAX_SPECIAL: usize = 1 << 18;

/// Byte strings by token id; an id without a token has none.
#[derive(Debug, Clone, Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<u32>, // ends[id] in `bytes`; the start is the end before it
}

impl Pieces {
    /// Adds the bytes of the next id.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len() as u32);
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of `id`, none where there is no such token.
    pub fn get(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends.get(id - 1).copied().unwrap_or(0) };
        self.ends.get(id).map_or(&[], |&end| &self.bytes[start as usize..end as usize])
    }
}

impl<P: AsRef<[u8]>> FromIterator<P> for Pieces {
    fn from_iter<I: IntoIterator<Item = P>>(pieces: I) -> Self {
        let mut all = Self::default();
        pieces.into_iter().for_each(|piece| all.push(piece.as_ref()));
        all
    }
}

/// Finds ids by their bytes.
#[derive(Debug, Clone)]
pub(super) struct TextIndex {
    texts: Pieces,
    by_text: Vec<u32>, // sorted by their texts
}

impl TextIndex {
    /// Of the ids that `keep` takes; of two with one text the lower counts, and empty texts are not found.
    pub fn new(texts: Pieces, keep: impl Fn(u32) -> bool) -> Self {
        let mut by_text: Vec<u32> =
            (0..texts.len() as u32).filter(|&id| keep(id) && !texts.get(id).is_empty()).collect();
        by_text.sort_unstable_by(|&a, &b| texts.get(a).cmp(texts.get(b)).then(a.cmp(&b)));
        by_text.dedup_by(|later, earlier| texts.get(*later) == texts.get(*earlier));
        by_text.shrink_to_fit();
        Self { texts, by_text }
    }

    /// Every text that is found, with its id.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u32)> {
        self.by_text.iter().map(|&id| (self.texts.get(id), id))
    }

    pub fn find(&self, text: &[u8]) -> Option<u32> {
        let found = self.by_text.binary_search_by(|&id| self.texts.get(id).cmp(text));
        found.ok().map(|at| self.by_text[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_finds_the_lowest_kept_id_of_a_text() {
        let index = TextIndex::new(["b", "a", "", "a", "c"].iter().collect(), |id| id != 4);
        assert_eq!(
            (index.find(b"a"), index.find(b"b"), index.find(b"c"), index.find(b"")),
            (Some(1), Some(0), None, None)
        );
    }

    #[test]
    fn every_id_gives_back_its_bytes_and_others_none() {
        let pieces: Pieces = ["a", "", "bc"].iter().collect();
        assert_eq!((0..5).map(|id| pieces.get(id)).collect::<Vec<_>>(), [b"a" as &[u8], b"", b"bc", b"", b""]);
        assert_eq!(pieces.len(), 3);
    }
}
