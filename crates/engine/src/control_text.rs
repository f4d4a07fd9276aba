//! Control tokens as texts: finding them, and a prompt in which some of them are only text.
//!
//! The tokenizer and the chat template meet here: the template writes a [`GuardedText`], the tokenizer reads it.

use std::collections::BTreeMap;

use crate::search::Search;

/// The control tokens of a tokenizer cannot be searched for.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot search for the control tokens: {0}")]
pub struct ControlTextError(String);

/// The texts of a tokenizer's control tokens, ready to be looked for.
#[derive(Debug, Clone)]
pub struct ControlTexts {
    /// In order, so that those that begin alike stand together.
    texts: Vec<String>,
    /// Their bytes from the end, in order too.
    reversed: Vec<Vec<u8>>,
    longest_bytes: usize,
    /// Finds where one begins. Texts that begin with another are left out, so that a place is found once.
    beginnings: Search,
    /// Finds them as a tokenizer does, the longest of those that begin first.
    longest: Search,
}

impl ControlTexts {
    /// Prepares the search; empty texts are left out.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Result<Self, ControlTextError> {
        let mut texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut shortest: Vec<&str> = Vec::new();
        for text in &texts {
            if !shortest.last().is_some_and(|shorter| text.starts_with(shorter)) {
                shortest.push(text);
            }
        }
        let beginnings = Search::for_beginnings(&shortest).map_err(ControlTextError)?;
        let longest = Search::for_longest(&texts).map_err(ControlTextError)?;
        let mut reversed: Vec<Vec<u8>> = texts.iter().map(|text| text.bytes().rev().collect()).collect();
        reversed.sort_unstable();
        let longest_bytes = texts.iter().map(String::len).max().unwrap_or(0);
        Ok(Self { texts, reversed, longest_bytes, beginnings, longest })
    }

    /// These and more.
    pub(crate) fn with<'a>(&self, more: impl IntoIterator<Item = &'a str>) -> Result<Self, ControlTextError> {
        let mut more = more.into_iter().map(str::to_owned).peekable();
        if more.peek().is_none() { Ok(self.clone()) } else { Self::new(self.texts.iter().cloned().chain(more)) }
    }

    /// Where a tokenizer finds control texts, from and to, in characters.
    pub(crate) fn occurrences(&self, text: &str) -> Vec<(usize, usize)> {
        let mut position = (0, 0); // bytes, characters
        let mut characters = |at: usize| {
            position = (at, position.1 + text[position.0..at].chars().count());
            position.1
        };
        self.longest.longest(text).map(|(start, end, _)| (characters(start), characters(end))).collect()
    }

    /// Byte offsets in `text` whose character must be replaced so that no control text can arise in or across
    /// the ends of it.
    pub(crate) fn footholds(&self, text: &str) -> Vec<usize> {
        let mut offsets: Vec<usize> = self.beginnings.beginnings(text).collect();
        // Longer parts are whole texts, or longer than any.
        let most = self.longest_bytes.saturating_sub(1).min(text.len());
        let ends = (text.len() - most..text.len()).filter(|at| text.is_char_boundary(*at));
        offsets.extend(ends.filter(|&at| goes_on(&self.texts, &text.as_bytes()[at..])));
        let most = text.floor_char_boundary(most);
        let from_the_end: Vec<u8> = text[..most].bytes().rev().collect();
        let mut begins = (1..=most).filter(|bytes| text.is_char_boundary(*bytes));
        if begins.any(|bytes| goes_on(&self.reversed, &from_the_end[most - bytes..])) {
            offsets.push(0);
        }
        offsets.sort_unstable();
        offsets.dedup();
        offsets
    }
}

/// Whether one of the texts, which are in order and differ, begins with `part` and is longer.
fn goes_on(texts: &[impl AsRef<[u8]>], part: &[u8]) -> bool {
    let first = texts.partition_point(|text| text.as_ref() < part);
    let longer = |text: &&[u8]| text.len() > part.len() && text.starts_with(part);
    texts[first..].iter().take(2).any(|text| longer(&text.as_ref()))
}

/// A rendered prompt in which text from the request cannot be taken for a control token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedText {
    marked: String,
    stand_ins: BTreeMap<char, char>, // stand-in → what it stands for
}

impl GuardedText {
    /// A prompt without stand-ins: every control text in it counts as one.
    pub fn plain(text: String) -> Self {
        Self { marked: text, stand_ins: BTreeMap::new() }
    }

    /// A prompt in which characters stand for others: `stand_ins` says for which.
    pub(crate) fn with_stand_ins(marked: String, stand_ins: BTreeMap<char, char>) -> Self {
        Self { marked, stand_ins }
    }

    /// The prompt as a person reads it.
    pub fn text(&self) -> String {
        self.marked.chars().map(|c| self.restore(c)).collect()
    }

    /// The prompt with more in it: `change` gets it with its stand-ins, so that only what the template wrote is found.
    pub(crate) fn try_map<E>(self, change: impl FnOnce(&str) -> Result<String, E>) -> Result<Self, E> {
        Ok(Self { marked: change(&self.marked)?, ..self })
    }

    /// The prompt with its stand-ins, to be split at control tokens before restoring.
    pub(crate) fn marked(&self) -> &str {
        &self.marked
    }

    /// The character that `c` stands for, mostly itself.
    pub(crate) fn restore(&self, c: char) -> char {
        self.stand_ins.get(&c).copied().unwrap_or(c)
    }
}
