//! The bytes of every token, side by side in one allocation.

/// More tokens than any published vocabulary has; an id beyond it is a mistake in the file.
pub(super) const MAX_TOKENS: usize = 1 << 22;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_gives_back_its_bytes_and_others_none() {
        let pieces: Pieces = ["a", "", "bc"].iter().collect();
        assert_eq!((0..5).map(|id| pieces.get(id)).collect::<Vec<_>>(), [b"a" as &[u8], b"", b"bc", b"", b""]);
        assert_eq!(pieces.len(), 3);
    }
}
