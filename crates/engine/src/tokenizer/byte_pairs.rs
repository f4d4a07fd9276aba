//! BPE as GGUF's `gpt2` and `gemma4` vocabularies hold it: text is cut into words, a word into bytes or characters, and
//! these are joined by a ranked list of merges. The tokenizers crate would do the same in ten times the memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::budget::Budget;
use super::expression::Expression;
use super::fallback::Fallback;
use super::joining::{Piece, join};
use super::pieces::TextIndex;
use super::pre_tokenizers::{Alphabet, PreTokenizer};
use super::{TokenizerError, byte_level};

#[derive(Clone)]
pub(super) struct BytePairs {
    cuts: Arc<[Expression]>,
    ignore_merges: bool,
    alphabet: Alphabet,
    tokens: TextIndex,
    fallback: Fallback,
    merges: Vec<Merge>, // sorted by `pair`
}

impl std::fmt::Debug for BytePairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BytePairs").field("merges", &self.merges.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy)]
struct Merge {
    pair: u64, // left id in the upper half
    rank: u32,
    token: u32,
}

fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl BytePairs {
    /// `tokens` by the bytes they stand for, or by their texts where they are spelt in characters; `merges` in order of
    /// rank, each two tokens with a space between.
    pub fn new(
        tokens: TextIndex,
        merges: &[String],
        cutter: &PreTokenizer,
        fallback: Fallback,
    ) -> Result<Self, TokenizerError> {
        let cuts = cutter.expressions.iter().map(|expression| Expression::new(expression));
        let cuts: Vec<Expression> = cuts.collect::<Result<_, _>>()?;
        let alphabet = cutter.alphabet;
        // A million look-ups while loading are worth a table that is dropped after them.
        let by_text: HashMap<&[u8], u32> = tokens.iter().collect();
        let merges = merges.iter().zip(0..).map(|(merge, rank)| parse_merge(&by_text, alphabet, merge, rank));
        let mut merges: Vec<Merge> = merges.collect::<Result<_, _>>()?;
        // Of a merge that is listed twice the earlier counts.
        merges.sort_unstable_by_key(|merge| (merge.pair, merge.rank));
        merges.dedup_by_key(|merge| merge.pair);
        let ignore_merges = cutter.ignore_merges;
        Ok(Self { cuts: cuts.into(), ignore_merges, alphabet, tokens, fallback, merges })
    }

    /// Whether a text's spaces are `▁` in it.
    pub fn escapes_spaces(&self) -> bool {
        self.alphabet == Alphabet::Characters
    }

    /// Appends the tokens of `text`.
    pub fn encode(&self, text: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        self.words(text)?.into_iter().try_for_each(|word| self.encode_word(word, out))
    }

    /// Cuts text by each expression in turn; what lies between matches is a word too.
    fn words<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, TokenizerError> {
        let budget = Budget::new(text.len());
        let mut words = vec![text];
        for cut in self.cuts.iter() {
            let mut finer = Vec::with_capacity(words.len());
            for word in words {
                let mut at = 0;
                cut.for_each(word, &budget, |start, end| {
                    finer.extend([&word[at..start], &word[start..end]]);
                    at = end;
                })?;
                finer.push(&word[at..]);
            }
            finer.retain(|word| !word.is_empty());
            words = finer;
        }
        Ok(words)
    }

    fn encode_word(&self, word: &str, out: &mut Vec<u32>) -> Result<(), TokenizerError> {
        if (self.ignore_merges || (self.escapes_spaces() && word.bytes().all(|byte| byte == b'\n')))
            && let Some(token) = self.tokens.find(word.as_bytes())
        {
            out.push(token);
            return Ok(());
        }
        let joined = join(self.pieces(word), |left, right| {
            let merge = self.merge(left.token?, right.token?)?;
            Some((Reverse(merge.rank), merge.token))
        });
        for piece in joined {
            match piece.token {
                Some(token) => out.push(token),
                None => self.fallback.encode(&word.as_bytes()[piece.start..][..piece.length], word, out)?,
            }
        }
        Ok(())
    }

    /// What a word is joined of.
    fn pieces(&self, word: &str) -> Vec<Piece> {
        match self.alphabet {
            Alphabet::ByteLevel => {
                let byte = |(start, byte)| Piece { start, length: 1, token: self.fallback.byte(byte) };
                word.bytes().enumerate().map(byte).collect()
            }
            Alphabet::Characters => {
                let token = |c: char| self.tokens.find(c.encode_utf8(&mut [0; 4]).as_bytes());
                let character = |(start, c): (usize, char)| Piece { start, length: c.len_utf8(), token: token(c) };
                word.char_indices().map(character).collect()
            }
        }
    }

    fn merge(&self, left: u32, right: u32) -> Option<Merge> {
        let found = self.merges.binary_search_by_key(&pair(left, right), |merge| merge.pair);
        found.ok().map(|at| self.merges[at])
    }
}

/// `left right`, both tokens, as is what they make together.
fn parse_merge(
    tokens: &HashMap<&[u8], u32>,
    alphabet: Alphabet,
    merge: &str,
    rank: u32,
) -> Result<Merge, TokenizerError> {
    let malformed =
        |expected| TokenizerError::Malformed { what: format!("merge {rank} (`{}`)", merge.escape_debug()), expected };
    let (left, right) = merge.split_once(' ').ok_or_else(|| malformed("two tokens with a space between them"))?;
    let spelt = |text: &str| match alphabet {
        Alphabet::ByteLevel => byte_level::decode(text).ok_or_else(|| malformed("letters of the byte-level alphabet")),
        Alphabet::Characters => Ok(text.as_bytes().to_vec()),
    };
    let (left, right) = (spelt(left)?, spelt(right)?);
    let whole = [left.as_slice(), &right].concat();
    let find = |bytes: &[u8]| tokens.get(bytes).copied().ok_or_else(|| malformed("tokens of the vocabulary"));
    Ok(Merge { pair: pair(find(&left)?, find(&right)?), rank, token: find(&whole)? })
}

#[cfg(test)]
mod tests {
    use super::super::{pieces::Pieces, pre_tokenizers};
    use super::*;

    fn model(tokens: &[&str], merges: &[&str]) -> Result<BytePairs, TokenizerError> {
        let texts: Pieces = tokens.iter().map(|token| byte_level::decode(token).unwrap()).collect();
        let merges: Vec<String> = merges.iter().map(|merge| merge.to_string()).collect();
        let tokens = TextIndex::new(texts, |_| true);
        let bytes = std::array::from_fn(|byte| tokens.find(&[byte as u8]));
        let fallback = Fallback::new(Box::new(bytes), None);
        BytePairs::new(tokens, &merges, pre_tokenizers::find("gpt-2").unwrap(), fallback)
    }

    fn encode(model: &BytePairs, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        model.encode(text, &mut ids).unwrap();
        ids
    }

    #[test]
    fn earlier_merges_come_first_and_do_not_cross_words() {
        let model = model(&["a", "b", "Ġ", "ab", "ba", "Ġa"], &["b a", "a b", "Ġ a"]).unwrap();
        assert_eq!(encode(&model, "aba"), [0, 4]);
        assert_eq!(encode(&model, "ab ab"), [3, 2, 3]);
        assert_eq!(encode(&model, " a"), [5]);
    }

    #[test]
    fn a_merge_of_what_is_no_token_is_named() {
        for merge in ["a c", "ab", "a 東"] {
            let error = model(&["a", "b", "ab"], &["a b", merge]).unwrap_err().to_string();
            assert!(error.contains("merge 1") && error.contains(merge), "{error}");
        }
    }

    #[test]
    fn a_byte_without_a_token_is_an_error_and_not_left_out() {
        let error = model(&["a"], &[]).unwrap().encode("aé", &mut Vec::new()).unwrap_err();
        assert!(matches!(error, TokenizerError::Unencodable { .. }), "{error}");
    }
}
