//! Masks over a vocabulary.

use std::fmt;
use std::sync::Arc;

use llguidance::Matcher;
use llguidance::ParserFactory;
use llguidance::api::TopLevelGrammar;
use toktrie::{SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

use crate::grammar::Grammar;

/// The first byte of a control token's name, which no text has.
const CONTROL: u8 = TokTrie::SPECIAL_TOKEN_MARKER;
/// Steps of a regular expression's automaton that one token may cost; a mask takes milliseconds then.
const STEP_FUEL: u64 = 500_000;

/// What may come next, in parts of a grammar: an object with n members that may be left out has 4 n.
const ROW: usize = 10_000;

/// A token of a vocabulary.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// The bytes that it writes; for a control token those of its name.
    pub bytes: &'a [u8],
    /// Whether it writes nothing but means something.
    pub is_control: bool,
}

/// Why there is no constraint, or why an answer cannot go on within one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConstraintError {
    /// The vocabulary has no token that ends an answer.
    #[error("no token ends an answer, so none can be constrained")]
    NoEnd,
    /// The grammar cannot be made into masks.
    #[error("{0}")]
    Grammar(String),
    /// The answer cannot go on: a bound on the work for a token was reached.
    #[error("the answer left what it was constrained to: {0}")]
    Stuck(String),
}

/// Makes constraints for one vocabulary.
pub struct Grammars {
    factory: ParserFactory,
}

impl fmt::Debug for Grammars {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Grammars").finish_non_exhaustive()
    }
}

impl Grammars {
    /// For a vocabulary of `tokens`, of which `eos_ids` end an answer.
    ///
    /// # Errors
    /// None ends an answer.
    pub fn new<'a>(tokens: impl Iterator<Item = Token<'a>>, eos_ids: &[u32]) -> Result<Grammars, ConstraintError> {
        let words: Vec<Vec<u8>> = tokens.map(word).collect();
        let ends: Vec<u32> = eos_ids.iter().copied().filter(|id| (*id as usize) < words.len()).collect();
        let first = *ends.first().ok_or(ConstraintError::NoEnd)?;
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, first), &words).with_eos_tokens(&ends);
        let vocabulary: TokEnv = Arc::new(Vocabulary(trie));
        let grammar = |error: &dyn fmt::Display| ConstraintError::Grammar(error.to_string());
        let mut factory = ParserFactory::new_simple(&vocabulary).map_err(|error| grammar(&error))?;
        factory.quiet();
        let limits = factory.limits_mut();
        limits.step_lexer_fuel = STEP_FUEL;
        limits.max_items_in_row = ROW;
        limits.verbose_errors = false;
        Ok(Grammars { factory })
    }

    /// Masks for answers that `grammar` allows.
    ///
    /// # Errors
    /// It is too large, or its parts cannot be told from one another.
    pub fn compile(&self, grammar: &Grammar) -> Result<Constraint, ConstraintError> {
        let parser = self.factory.create_parser(TopLevelGrammar::from_lark(grammar.to_lark()));
        let mut matcher = Matcher::new(parser);
        // Some grammars that allow nothing are found out only here.
        let _ = matcher.compute_mask();
        match matcher.get_error() {
            Some(error) => Err(ConstraintError::Grammar(in_words(&error))),
            None => Ok(Constraint { matcher }),
        }
    }
}

fn word(Token { bytes, is_control }: Token) -> Vec<u8> {
    match bytes {
        [] => Vec::new(),
        _ if is_control => std::iter::once(CONTROL).chain(bytes.iter().copied()).collect(),
        // No text has this byte, and here it means something else.
        [CONTROL, ..] => Vec::new(),
        bytes => bytes.to_vec(),
    }
}

/// What llguidance says of a schema, in words that its author knows.
fn in_words(error: &str) -> String {
    let line = first_line(error);
    let what = line.split_once("failed to compile JSON schema: ").map_or(line.as_str(), |(_, what)| what);
    if what.starts_with("oneOf constraints") {
        return "the parts of `oneOf` cannot be told apart, so that one alone could be enforced; `anyOf` can be"
            .to_owned();
    }
    if what.contains("NoExtensionBias") {
        return "nothing that is valid can be written".to_owned();
    }
    if let Some(why) = what.strip_prefix("Unsatisfiable schema: ") {
        return format!("no value can be valid: {why}");
    }
    what.to_owned()
}

fn first_line(error: &str) -> String {
    error.lines().next().unwrap_or_default().to_owned()
}

/// A vocabulary whose tokens are taken greedily where a text has to become some.
struct Vocabulary(TokTrie);

impl TokenizerEnv for Vocabulary {
    fn tok_trie(&self) -> &TokTrie {
        &self.0
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.0.greedy_tokenize(bytes)
    }

    fn tokenize_is_canonical(&self) -> bool {
        false
    }
}

/// What may come next in one answer.
pub struct Constraint {
    matcher: Matcher,
}

impl Clone for Constraint {
    /// One that shares nothing, so that no answer has an effect on another.
    fn clone(&self) -> Constraint {
        Constraint { matcher: self.matcher.deep_clone() }
    }
}

impl fmt::Debug for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Constraint").field("stopped", &self.matcher.is_stopped()).finish_non_exhaustive()
    }
}

impl Constraint {
    /// The tokens that may come now; where nothing more may, those that end an answer.
    ///
    /// # Errors
    /// A bound on the work was reached.
    pub fn mask(&mut self) -> Result<Mask, ConstraintError> {
        self.matcher.compute_mask_or_eos().map(Mask).map_err(stuck)
    }

    /// Goes on after a token that the mask allowed.
    ///
    /// # Errors
    /// It may not come here.
    pub fn accept(&mut self, token: u32) -> Result<(), ConstraintError> {
        self.matcher.consume_token(token).map_err(stuck)
    }

    /// Goes on after a text that stands before the answer already, as the beginning of thinking does; whether it may stand
    /// there.
    pub fn accept_text(&mut self, text: &str) -> bool {
        let Ok(vocabulary) = self.matcher.tok_env() else { return false };
        let tokens = vocabulary.tokenize_bytes(text.as_bytes());
        self.matcher.try_consume_tokens(&tokens).is_ok_and(|n| n == tokens.len())
    }

    /// Whether the answer may end here.
    pub fn may_end(&mut self) -> bool {
        self.matcher.is_accepting().unwrap_or(false)
    }
}

fn stuck(error: impl fmt::Display) -> ConstraintError {
    ConstraintError::Stuck(first_line(&error.to_string()))
}

/// The tokens that may come.
pub struct Mask(SimpleVob);

impl Mask {
    /// Whether this one may.
    pub fn allows(&self, token: u32) -> bool {
        (token as usize) < self.0.len() && self.0.is_allowed(token)
    }
}
