//! The tokenizers crate, driven stage by stage so that control tokens are parsed only where they may be, and so that no
//! stage takes more than a text is worth.

use tokenizers::pattern::Invert;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::split::SplitPattern;
use tokenizers::{
    AddedVocabulary, Model, ModelWrapper, OffsetType, PreTokenizedString, PreTokenizer, SplitDelimiterBehavior,
};

use super::TokenizerError;
use super::budget::Budget;
use super::expression::Expression;
use super::normaliser::Normaliser;
use crate::control_text::GuardedText;
use crate::foreign;

/// A tokenizer of the tokenizers crate and its added tokens twice: all of them, and without the control tokens.
#[derive(Debug)]
pub(super) struct Pipeline {
    tokenizer: tokenizers::Tokenizer,
    without_controls: AddedVocabulary,
    normaliser: Normaliser,
    cuts: Vec<CutStep>,
    model: ModelCost,
}

/// One way of cutting, after the others.
#[derive(Debug)]
enum CutStep {
    Split { pattern: Expression, behaviour: SplitDelimiterBehavior, inverted: bool },
    Other(Box<PreTokenizerWrapper>),
}

/// What the model does to a stretch of text that is more than going through it.
#[derive(Debug)]
enum ModelCost {
    Linear,
    /// At every place all tokens that begin there are copied: bytes of those within one another, at most.
    Unigram {
        copied: u64,
    },
    /// Every piece of a word is copied, for words of no more characters than these.
    WordPiece {
        longest: usize,
    },
}

impl Pipeline {
    /// A tokenizer whose normaliser is left to ours.
    pub fn new(tokenizer: tokenizers::Tokenizer, normaliser: Normaliser) -> Result<Self, TokenizerError> {
        let mut without_controls = tokenizer.get_added_vocabulary().clone();
        without_controls.set_encode_special_tokens(true);
        let mut cuts = Vec::new();
        if let Some(pre_tokenizer) = tokenizer.get_pre_tokenizer() {
            collect(pre_tokenizer, &mut cuts)?;
        }
        let lengthening = cuts.iter().filter(|cut| cut.lengthens()).count();
        if lengthening > MOST_LENGTHENING {
            let what = format!("spells text in longer characters {lengthening} times over");
            return Err(TokenizerError::TooMuch { what });
        }
        let model = ModelCost::of(tokenizer.get_model());
        Ok(Self { tokenizer, without_controls, normaliser, cuts, model })
    }

    /// The tokens of text in which control tokens are only text.
    pub fn encode_text(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        self.encode(text, &self.without_controls, |c| c)
    }

    /// The tokens of a prompt in which control tokens count, save where a stand-in hides them.
    pub fn encode_guarded(&self, text: &GuardedText) -> Result<Vec<u32>, TokenizerError> {
        self.encode(text.marked(), self.tokenizer.get_added_vocabulary(), |c| text.restore(c))
    }

    /// Splits at added tokens, restores stand-ins, then normalises, cuts into words and merges as the crate's own
    /// `encode` does. Truncation and padding, which a `tokenizer.json` may ask for, have no place here.
    fn encode(
        &self,
        text: &str,
        added: &AddedVocabulary,
        restore: impl Fn(char) -> char,
    ) -> Result<Vec<u32>, TokenizerError> {
        let budget = Budget::new(text.len());
        let normaliser = self.normaliser.within(&budget);
        let mut pieces = guarded(|| Ok(added.extract_and_normalize(Some(&normaliser), text)))?;
        normaliser.result()?;
        guarded(|| {
            pieces.normalize(|piece| {
                piece.map(&restore);
                Ok(())
            })?;
            for cut in &self.cuts {
                budget.look()?;
                cut.apply(&mut pieces, &budget)?;
            }
            pieces.tokenize(|piece| {
                self.model.charge(piece.get(), &budget)?;
                self.tokenizer.get_model().tokenize(piece.get())
            })?;
            Ok(pieces.into_encoding(None, 0, OffsetType::None)?.get_ids().to_vec())
        })
    }
}

/// Appends the steps of a pre-tokenizer, those of nested sequences in their places.
fn collect(pre_tokenizer: &PreTokenizerWrapper, cuts: &mut Vec<CutStep>) -> Result<(), TokenizerError> {
    match pre_tokenizer {
        PreTokenizerWrapper::Sequence(inner) => inner.as_ref().iter().try_for_each(|step| collect(step, cuts))?,
        PreTokenizerWrapper::Split(split) => {
            let pattern = match &split.pattern {
                SplitPattern::String(text) => Expression::literal(text),
                SplitPattern::Regex(expression) => Expression::new(expression)?,
            };
            cuts.push(CutStep::Split { pattern, behaviour: split.behavior, inverted: split.invert });
        }
        other => cuts.push(CutStep::Other(Box::new(other.clone()))),
    }
    Ok(())
}

/// Pre-tokenizers that may make two or three bytes of one, one after the other.
const MOST_LENGTHENING: usize = 2;

impl CutStep {
    /// Whether it spells bytes or blanks in longer characters.
    fn lengthens(&self) -> bool {
        matches!(self, CutStep::Other(step) if matches!(**step, PreTokenizerWrapper::ByteLevel(_) | PreTokenizerWrapper::Metaspace(_)))
    }

    fn apply(&self, pieces: &mut PreTokenizedString, budget: &Budget) -> tokenizers::Result<()> {
        match self {
            CutStep::Split { pattern, behaviour, inverted } => pieces.split(|_, text| {
                let cut = pattern.cut(text.get(), budget)?;
                if *inverted { text.split(Invert(&cut), *behaviour) } else { text.split(&cut, *behaviour) }
            }),
            CutStep::Other(pre_tokenizer) => pre_tokenizer.pre_tokenize(pieces),
        }
    }
}

impl ModelCost {
    fn of(model: &ModelWrapper) -> Self {
        match model {
            ModelWrapper::Unigram(unigram) => {
                let mut tokens: Vec<&str> = unigram.iter().map(|(token, _)| token.as_str()).collect();
                tokens.sort_unstable();
                let (mut within, mut copied, mut most) = (Vec::<&str>::new(), 0, 0);
                for token in tokens {
                    while let Some(outer) = within.pop_if(|outer| !token.starts_with(*outer)) {
                        copied -= outer.len() as u64;
                    }
                    within.push(token);
                    copied += token.len() as u64;
                    most = most.max(copied);
                }
                ModelCost::Unigram { copied: most }
            }
            ModelWrapper::WordPiece(words) => ModelCost::WordPiece { longest: words.max_input_chars_per_word },
            ModelWrapper::BPE(_) | ModelWrapper::WordLevel(_) => ModelCost::Linear,
        }
    }

    fn charge(&self, text: &str, budget: &Budget) -> Result<(), TokenizerError> {
        let bytes = text.len() as u64;
        match self {
            ModelCost::Linear => Ok(()),
            ModelCost::Unigram { copied } => budget.works(bytes.saturating_mul(*copied)),
            ModelCost::WordPiece { longest } if text.chars().count() > *longest => Ok(()),
            ModelCost::WordPiece { .. } => budget.works(bytes.saturating_mul(bytes).saturating_mul(bytes) / 6),
        }
    }
}

/// Runs the crate's code on foreign data: both its errors and its panics (it unwraps what a strange file makes fail) come
/// back as an error, and ours as they were.
pub(super) fn guarded<T>(run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T, TokenizerError> {
    match foreign::catch(run) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => match error.downcast::<TokenizerError>() {
            Ok(own) => Err(*own),
            Err(error) => Err(TokenizerError::Backend { reason: error.to_string() }),
        },
        Err(foreign::Panicked) => {
            Err(TokenizerError::Backend { reason: "it gave up on an expression or a table of this file".into() })
        }
    }
}
