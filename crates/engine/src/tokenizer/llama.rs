//! A SentencePiece vocabulary with the tokens that are cut out of text before it: control and user-defined ones.

use aho_corasick::{AhoCorasick, MatchKind};

use super::TokenizerError;
use super::sentencepiece::{SPACE, SentencePiece};

#[derive(Debug, Clone)]
pub(super) struct Llama {
    model: SentencePiece,
    all: Cutter,
    without_controls: Cutter,
    space_prefix: bool,
    /// Phi-3 drops the whitespace that follows a control token; its GGUF does not say so.
    strips_after: bool,
}

/// Finds tokens in text, the longest of those that start first.
#[derive(Debug, Clone)]
struct Cutter {
    ids: Vec<u32>,
    search: AhoCorasick,
}

impl Cutter {
    fn new(tokens: impl Iterator<Item = (u32, String)>) -> Result<Self, TokenizerError> {
        let (ids, texts): (Vec<u32>, Vec<String>) = tokens.filter(|(_, text)| !text.is_empty()).unzip();
        let search = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(texts);
        Ok(Self { ids, search: search.map_err(|error| TokenizerError::Backend { reason: error.to_string() })? })
    }
}

impl Llama {
    /// `special` are ids with their texts and whether they are control tokens.
    pub fn new(
        model: SentencePiece,
        special: Vec<(u32, String, bool)>,
        space_prefix: bool,
        strips_after: bool,
    ) -> Result<Self, TokenizerError> {
        let pairs = |keep: fn(bool) -> bool| {
            special.iter().filter(move |(_, _, control)| keep(*control)).map(|(id, text, _)| (*id, text.clone()))
        };
        let (all, without_controls) = (Cutter::new(pairs(|_| true))?, Cutter::new(pairs(|control| !control))?);
        Ok(Self { model, all, without_controls, space_prefix, strips_after })
    }

    /// The tokens of `text`. `restore` gives the character that a stand-in hides.
    pub fn encode(
        &self,
        text: &str,
        parse_controls: bool,
        restore: impl Fn(char) -> char,
    ) -> Result<Vec<u32>, TokenizerError> {
        let cutter = if parse_controls { &self.all } else { &self.without_controls };
        let mut ids = Vec::new();
        let mut at = 0;
        for found in cutter.search.find_iter(text) {
            self.fragment(&text[at..found.start()], &restore, &mut ids)?;
            let token = cutter.ids[found.pattern().as_usize()];
            ids.push(token);
            at = found.end();
            if self.strips_after && !matches!(&text[found.range()], "<unk>" | "<s>" | "<|endoftext|>") {
                at = text.len() - text[at..].trim_start().len();
            }
        }
        self.fragment(&text[at..], &restore, &mut ids)?;
        Ok(ids)
    }

    /// Text between special tokens; each stretch of it begins with a space of its own.
    fn fragment(&self, text: &str, restore: impl Fn(char) -> char, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut escaped = String::with_capacity(text.len() + SPACE.len());
        if self.space_prefix {
            escaped.push_str(SPACE);
        }
        for c in text.chars().map(restore) {
            if c == ' ' { escaped.push_str(SPACE) } else { escaped.push(c) }
        }
        self.model.encode(&escaped, ids)
    }
}
