//! SentencePiece-style BPE as GGUF's `llama` vocabularies hold it: no list of merges, but a score per token.
//!
//! Text is escaped (` ` becomes `▁`) and split into characters; then, as long as two neighbours together are a token,
//! the pair whose token scores highest is joined, the leftmost of equals. A character that is no token becomes
//! its bytes, `<0xE6>` and so on. Source: llama.cpp's `llm_tokenizer_spm`, from which it differs in one point:
//! control and byte tokens never arise from joining plain text.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::TokenizerError;
use super::pieces::Pieces;

/// `▁`, which stands for a space.
pub(super) const SPACE: &str = "\u{2581}";

#[derive(Debug, Clone)]
pub(super) struct SentencePiece {
    texts: Pieces,
    by_text: Vec<u32>, // ids that text may become, sorted by their texts
    scores: Vec<f32>,
    bytes: Box<[Option<u32>; 256]>, // the token of each byte
    unknown: Option<u32>,
}

/// A stretch of the text on its way to being a token; a linked list through `previous` and `next`.
#[derive(Debug, Clone, Copy)]
struct Symbol {
    start: usize,
    length: usize, // 0: joined into its left neighbour
    previous: Option<usize>,
    next: Option<usize>,
}

#[derive(Debug, PartialEq)]
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl Eq for Pair {}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.left.cmp(&self.left)).then(self.length.cmp(&other.length))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl SentencePiece {
    /// `joinable` tells which ids plain text may become; `texts` and `scores` are by id and of one length.
    pub fn new(
        texts: Pieces,
        scores: Vec<f32>,
        joinable: impl Fn(u32) -> bool,
        bytes: Box<[Option<u32>; 256]>,
        unknown: Option<u32>,
    ) -> Self {
        let mut by_text: Vec<u32> =
            (0..texts.len() as u32).filter(|&id| joinable(id) && !texts.get(id).is_empty()).collect();
        // Of two tokens with one text the lower id counts.
        by_text.sort_by(|&a, &b| texts.get(a).cmp(texts.get(b)).then(a.cmp(&b)));
        by_text.dedup_by(|later, earlier| texts.get(*later) == texts.get(*earlier));
        Self { texts, by_text, scores, bytes, unknown }
    }

    fn token(&self, text: &[u8]) -> Option<u32> {
        let found = self.by_text.binary_search_by(|&id| self.texts.get(id).cmp(text));
        found.ok().map(|at| self.by_text[at])
    }

    /// Appends the tokens of `text`, in which spaces are already escaped.
    pub fn encode(&self, text: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let count = text.chars().count();
        let mut symbols: Vec<Symbol> = text
            .char_indices()
            .enumerate()
            .map(|(index, (start, c))| Symbol {
                start,
                length: c.len_utf8(),
                previous: index.checked_sub(1),
                next: Some(index + 1).filter(|&next| next < count),
            })
            .collect();
        let mut queue = BinaryHeap::new();
        for left in 0..count.saturating_sub(1) {
            self.consider(text, &symbols, left, left + 1, &mut queue);
        }
        while let Some(Pair { left, right, length, .. }) = queue.pop() {
            let (l, r) = (symbols[left], symbols[right]);
            if l.length == 0 || r.length == 0 || l.length + r.length != length {
                continue; // one of the two has been joined since
            }
            symbols[left] = Symbol { length, next: r.next, ..l };
            symbols[right].length = 0;
            if let Some(next) = r.next {
                symbols[next].previous = Some(left);
                self.consider(text, &symbols, left, next, &mut queue);
            }
            if let Some(previous) = l.previous {
                self.consider(text, &symbols, previous, left, &mut queue);
            }
        }
        for symbol in symbols.iter().filter(|symbol| symbol.length > 0) {
            self.emit(&text[symbol.start..symbol.start + symbol.length], out)?;
        }
        Ok(())
    }

    fn consider(&self, text: &str, symbols: &[Symbol], left: usize, right: usize, queue: &mut BinaryHeap<Pair>) {
        let start = symbols[left].start;
        let length = symbols[left].length + symbols[right].length;
        if let Some(token) = self.token(&text.as_bytes()[start..start + length]) {
            let score = self.scores[token as usize];
            queue.push(Pair { score, left, right, length });
        }
    }

    fn emit(&self, piece: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        if let Some(token) = self.token(piece.as_bytes()) {
            out.push(token);
            return Ok(());
        }
        let bytes: Option<Vec<u32>> = piece.bytes().map(|byte| self.bytes[usize::from(byte)]).collect();
        match (bytes, self.unknown) {
            (Some(bytes), _) => out.extend(bytes),
            (None, Some(unknown)) => out.push(unknown),
            (None, None) => return Err(TokenizerError::Unencodable { text: piece.to_owned() }),
        }
        Ok(())
    }
}

/// The byte that a token such as `<0x0A>` stands for.
pub(super) fn byte_of(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.len() == 2)?;
    u8::from_str_radix(digits, 16).ok()
}

/// The bytes that a token stands for: `▁` is a space and `<0x0A>` a line feed.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    if let Some(byte) = byte_of(text) {
        return vec![byte];
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        match rest.strip_prefix(SPACE.as_bytes()) {
            Some(after) => {
                out.push(b' ');
                rest = after;
            }
            None => {
                out.push(first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(tokens: &[(&str, f32)]) -> SentencePiece {
        let texts = tokens.iter().map(|(text, _)| text).collect();
        let scores = tokens.iter().map(|(_, score)| *score).collect();
        let mut bytes = Box::new([None; 256]);
        for (id, (text, _)) in tokens.iter().enumerate() {
            if let Some(byte) = byte_of(text.as_bytes()) {
                bytes[usize::from(byte)] = Some(id as u32);
            }
        }
        SentencePiece::new(texts, scores, |_| true, bytes, None)
    }

    fn encode(model: &SentencePiece, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        model.encode(text, &mut ids).unwrap();
        ids
    }

    #[test]
    fn the_higher_score_joins_first_and_the_left_of_equals() {
        let model = vocabulary(&[("a", 0.0), ("b", 0.0), ("ab", -2.0), ("ba", -1.0), ("aa", -1.0)]);
        assert_eq!(encode(&model, "aba"), [0, 3]);
        assert_eq!(encode(&model, "aaa"), [4, 0]);
    }

    #[test]
    fn a_character_without_a_token_becomes_its_bytes_or_an_error_that_shows_it() {
        let model = vocabulary(&[("a", 0.0), ("<0xC3>", 0.0), ("<0xA9>", 0.0)]);
        assert_eq!(encode(&model, "aé"), [0, 1, 2]);
        let error = model.encode("東", &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("東"), "{error}");
    }

    #[test]
    fn pieces_decode_to_spaces_and_bytes() {
        assert_eq!(decode("▁the▁▁".as_bytes()), b" the  ");
        assert_eq!(decode(b"<0x0A>"), b"\n");
        assert_eq!(decode(b"<0x0>"), b"<0x0>");
    }
}
