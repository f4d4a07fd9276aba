//! A GGUF's vocabulary at work: control and user-defined tokens are cut out of the text, the rest goes to the model.

use std::collections::HashSet;

use super::byte_pairs::BytePairs;
use super::sentencepiece::{SPACE, SentencePiece};
use super::{TokenizerError, is_short};
use crate::search::Search;

/// How text between special tokens becomes tokens.
#[derive(Debug, Clone)]
pub(super) enum Model {
    BytePairs(BytePairs),
    SentencePiece {
        model: SentencePiece,
        /// Whether every stretch of text begins with a space of its own.
        space_prefix: bool,
    },
}

impl Model {
    /// Appends the tokens of a stretch of text, given character by character.
    fn encode(&self, text: impl Iterator<Item = char>, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        match self {
            Model::BytePairs(model) if model.escapes_spaces() => model.encode(&escaped(false, text), ids),
            Model::BytePairs(model) => model.encode(&text.collect::<String>(), ids),
            Model::SentencePiece { model, space_prefix } => model.encode(&escaped(*space_prefix, text), ids),
        }
    }
}

/// Text with `▁` for its spaces, and for one before it where it is `prefixed`.
fn escaped(prefixed: bool, text: impl Iterator<Item = char>) -> String {
    let mut escaped = String::from(if prefixed { SPACE } else { "" });
    for c in text {
        if c == ' ' { escaped.push_str(SPACE) } else { escaped.push(c) }
    }
    escaped
}

/// A token that is found in text before the model sees it.
#[derive(Debug, Clone)]
pub(super) struct SpecialToken {
    pub id: u32,
    pub text: String,
    pub is_control: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Vocabulary {
    model: Model,
    all: Cutter,
    without_controls: Cutter,
    /// White space that follows a control token is dropped.
    strips_after: bool,
}

/// Finds tokens in text, the longest of those that start first.
#[derive(Debug, Clone)]
struct Cutter {
    ids: Vec<u32>,
    search: Search,
}

impl Cutter {
    fn new<'t>(tokens: impl Iterator<Item = &'t SpecialToken>) -> Result<Self, TokenizerError> {
        // Of tokens with one text the first counts.
        let mut seen = HashSet::new();
        let tokens = tokens.filter(|token| !token.text.is_empty() && seen.insert(token.text.as_str()));
        let (ids, texts): (Vec<u32>, Vec<&str>) = tokens.map(|token| (token.id, token.text.as_str())).unzip();
        let search = Search::for_longest(&texts).map_err(|reason| TokenizerError::Backend { reason })?;
        Ok(Self { ids, search })
    }
}

impl Vocabulary {
    pub fn new(model: Model, special: &[SpecialToken], strips_after: bool) -> Result<Self, TokenizerError> {
        special.iter().try_for_each(|token| is_short(&token.text, token.is_control))?;
        let all = Cutter::new(special.iter())?;
        let without_controls = Cutter::new(special.iter().filter(|token| !token.is_control))?;
        Ok(Self { model, all, without_controls, strips_after })
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
        for (start, end, number) in cutter.search.longest(text) {
            self.stretch(&text[at.min(start)..start], &restore, &mut ids)?;
            ids.push(cutter.ids[number]);
            at = end;
            if self.strips_after && !matches!(&text[start..end], "<unk>" | "<s>" | "<|endoftext|>") {
                at = text.len() - text[at..].trim_start().len();
            }
        }
        self.stretch(&text[at..], &restore, &mut ids)?;
        Ok(ids)
    }

    fn stretch(&self, text: &str, restore: impl Fn(char) -> char, ids: &mut Vec<u32>) -> Result<(), TokenizerError> {
        if text.is_empty() { Ok(()) } else { self.model.encode(text.chars().map(restore), ids) }
    }
}
