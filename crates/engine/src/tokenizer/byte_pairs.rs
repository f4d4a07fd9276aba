//! Byte-level BPE as GGUF's `gpt2` vocabularies hold it: text is cut into words, a word into bytes, and bytes are
//! joined by a ranked list of merges. The tokenizers crate would do the same in ten times the memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::budget::Budget;
use super::expression::Expression;
use super::joining::{Piece, join};
use super::pieces::TextIndex;
use super::pre_tokenizers::PreTokenizer;
use super::{TokenizerError, byte_level};

#[derive(Clone)]
pub(super) struct BytePairs {
    cuts: Arc<[Expression]>,
    ignore_merges: bool,
    tokens: TextIndex,
    bytes: Box<[Option<u32>; 256]>,
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
    /// `tokens` by the bytes they stand for; `merges` in order of rank, each two tokens in the byte-level alphabet with
    /// a space between.
    pub fn new(tokens: TextIndex, merges: &[String], cutter: &PreTokenizer) -> Result<Self, TokenizerError> {
        let cuts = cutter.expressions.iter().map(|expression| Expression::new(expression));
        let cuts: Vec<Expression> = cuts.collect::<Result<_, _>>()?;
        let mut bytes = Box::new([None; 256]);
        for byte in 0..=255u8 {
            bytes[usize::from(byte)] = tokens.find(&[byte]);
        }
        // A million look-ups while loading are worth a table that is dropped after them.
        let by_text: HashMap<&[u8], u32> = tokens.iter().collect();
        let merges = merges.iter().zip(0..).map(|(merge, rank)| parse_merge(&by_text, merge, rank));
        let mut merges: Vec<Merge> = merges.collect::<Result<_, _>>()?;
        // Of a merge that is listed twice the earlier counts.
        merges.sort_unstable_by_key(|merge| (merge.pair, merge.rank));
        merges.dedup_by_key(|merge| merge.pair);
        Ok(Self { cuts: cuts.into(), ignore_merges: cutter.ignore_merges, tokens, bytes, merges })
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
        if self.ignore_merges
            && let Some(token) = self.tokens.find(word.as_bytes())
        {
            out.push(token);
            return Ok(());
        }
        let byte = |(start, byte)| Piece { start, length: 1, token: self.bytes[usize::from(byte)] };
        let pieces = word.bytes().enumerate().map(byte).collect();
        let joined = join(pieces, |left, right| {
            let merge = self.merge(left.token?, right.token?)?;
            Some((Reverse(merge.rank), merge.token))
        });
        for piece in joined {
            out.push(piece.token.ok_or_else(|| TokenizerError::Unencodable { text: word.to_owned() })?);
        }
        Ok(())
    }

    fn merge(&self, left: u32, right: u32) -> Option<Merge> {
        let found = self.merges.binary_search_by_key(&pair(left, right), |merge| merge.pair);
        found.ok().map(|at| self.merges[at])
    }
}

/// `left right`, both tokens, as is what they make together.
fn parse_merge(tokens: &HashMap<&[u8], u32>, merge: &str, rank: u32) -> Result<Merge, TokenizerError> {
    let malformed =
        |expected| TokenizerError::Malformed { what: format!("merge {rank} (`{}`)", merge.escape_debug()), expected };
    let (left, right) = merge.split_once(' ').ok_or_else(|| malformed("two tokens with a space between them"))?;
    let spelt = |text| byte_level::decode(text).ok_or_else(|| malformed("letters of the byte-level alphabet"));
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
        BytePairs::new(TextIndex::new(texts, |_| true), &merges, pre_tokenizers::find("gpt-2").unwrap())
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
        let error = model(&["a"], &[]).unwrap().encode("ab", &mut Vec::new()).unwrap_err();
        assert!(matches!(error, TokenizerError::Unencodable { .. }), "{error}");
    }
}
