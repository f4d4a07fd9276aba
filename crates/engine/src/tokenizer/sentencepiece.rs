//! SentencePiece-style BPE as GGUF's `llama` vocabularies hold it: no list of merges, but a score per token.
//!
//! Text is escaped (` ` becomes `▁`) and split into characters; then, as long as two neighbours together are a token,
//! the pair whose token scores highest is joined, the leftmost of equals. A character that is no token becomes
//! its bytes, `<0xE6>` and so on. Source: llama.cpp's `llm_tokenizer_spm`, from which it differs in one point:
//! control and byte tokens never arise from joining plain text.

use std::cmp::Ordering;

use super::TokenizerError;
use super::fallback::Fallback;
use super::joining::{Piece, join};
use super::pieces::TextIndex;

/// `▁`, which stands for a space.
pub(super) const SPACE: &str = "\u{2581}";

#[derive(Debug, Clone)]
pub(super) struct SentencePiece {
    tokens: TextIndex,
    scores: Vec<f32>,
    fallback: Fallback,
}

/// Scores in the order of their numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Score(f32);

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl SentencePiece {
    /// `tokens` are those that plain text may become; there is a score for every id.
    pub fn new(tokens: TextIndex, scores: Vec<f32>, fallback: Fallback) -> Self {
        Self { tokens, scores, fallback }
    }

    /// Appends the tokens of `text`, in which spaces are already escaped.
    pub fn encode(&self, text: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        let piece = |(start, c): (usize, char)| Piece { start, length: c.len_utf8(), token: None };
        let joined = join(text.char_indices().map(piece).collect(), |left, right| {
            let token = self.tokens.find(&text.as_bytes()[left.start..right.start + right.length])?;
            Some((Score(self.scores[token as usize]), token))
        });
        for piece in joined {
            match piece.token {
                Some(token) => out.push(token),
                None => self.emit(&text[piece.start..piece.start + piece.length], out)?,
            }
        }
        Ok(())
    }

    /// A character that was joined with none.
    fn emit(&self, piece: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        match self.tokens.find(piece.as_bytes()) {
            Some(token) => {
                out.push(token);
                Ok(())
            }
            None => self.fallback.encode(piece.as_bytes(), piece, out),
        }
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
        let index = TextIndex::new(texts, |_| true);
        let scores = tokens.iter().map(|(_, score)| *score).collect();
        let mut bytes = Box::new([None; 256]);
        for (id, (text, _)) in tokens.iter().enumerate() {
            if let Some(byte) = byte_of(text.as_bytes()) {
                bytes[usize::from(byte)] = Some(id as u32);
            }
        }
        SentencePiece::new(index, scores, Fallback::new(bytes, None))
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
