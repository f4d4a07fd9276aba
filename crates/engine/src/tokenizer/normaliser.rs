//! What a `tokenizer.json` does to text before it is cut: the tokenizers crate's steps, one at a time, so that what a step
//! makes of the text is bounded before it is made.

use std::sync::Mutex;

use serde_json::Value;
use tokenizers::normalizers::{NormalizerWrapper, Precompiled};
use tokenizers::{NormalizedString, Normalizer, Result as CrateResult};

use super::TokenizerError;
use super::budget::Budget;
use super::expression::Expression;
use super::pipeline::guarded;

/// The steps of a normaliser, those of nested sequences in their places.
#[derive(Debug, Default)]
pub(super) struct Normaliser {
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Replace {
        pattern: Expression,
        content: String,
    },
    Prepend(String),
    Precompiled(Precompiled),
    /// Unicode's forms and others that bring no text of their own.
    Other(Box<NormalizerWrapper>),
}

/// What one of the other steps may make of a byte. Unicode's forms make 11 at most.
const MOST_A_BYTE: usize = 12;
/// Text that is normalised to see what it would grow to.
const SLICE: usize = 64 << 10;
/// Bytes of what a precompiled table replaces at a place.
const LONGEST_REPLACED: usize = 6;

impl Normaliser {
    /// Reads the description under `normalizer`.
    ///
    /// # Errors
    /// A step is none that the tokenizers crate has.
    pub fn new(description: &Value) -> Result<Self, TokenizerError> {
        let mut steps = Vec::new();
        collect(description, &mut steps)?;
        Ok(Self { steps })
    }

    /// Whether the texts of added tokens, which are normalised while loading, keep within a budget.
    ///
    /// # Errors
    /// One of them would grow beyond it.
    pub fn try_on<'t>(&self, texts: impl Iterator<Item = &'t str> + Clone) -> Result<(), TokenizerError> {
        if self.steps.is_empty() {
            return Ok(());
        }
        let budget = Budget::new(texts.clone().map(str::len).sum());
        for text in texts {
            self.normalise(&mut NormalizedString::from(text), &budget)?;
        }
        Ok(())
    }

    fn normalise(&self, text: &mut NormalizedString, budget: &Budget) -> Result<(), TokenizerError> {
        for step in &self.steps {
            budget.look()?;
            step.apply(text, budget)?;
        }
        Ok(())
    }

    /// The normaliser for one text.
    pub fn within<'n>(&'n self, budget: &'n Budget) -> Within<'n> {
        Within { normaliser: self, budget, failed: Mutex::new(None) }
    }
}

/// A normaliser at work on one text. The crate does not look at what goes wrong in one, so it is kept.
#[derive(Debug)]
pub(super) struct Within<'n> {
    normaliser: &'n Normaliser,
    budget: &'n Budget,
    failed: Mutex<Option<TokenizerError>>,
}

impl Within<'_> {
    /// The first error, which the crate could not hand through.
    pub fn result(self) -> Result<(), TokenizerError> {
        self.failed.into_inner().unwrap_or_default().map_or(Ok(()), Err)
    }
}

impl Normalizer for Within<'_> {
    fn normalize(&self, text: &mut NormalizedString) -> CrateResult<()> {
        let Ok(mut failed) = self.failed.lock() else { return Ok(()) };
        if failed.is_none() {
            *failed = self.normaliser.normalise(text, self.budget).err();
        }
        Ok(())
    }
}

/// Appends the steps of a description. What has no type is told by its keys, as the crate does.
fn collect(description: &Value, steps: &mut Vec<Step>) -> Result<(), TokenizerError> {
    let kind = description["type"].as_str();
    let is = |name: &str, key: &str| kind == Some(name) || (kind.is_none() && !description[key].is_null());
    if description.is_null() {
        return Ok(());
    }
    if is("Sequence", "normalizers") {
        let mut inner = description["normalizers"].as_array().into_iter().flatten();
        return inner.try_for_each(|step| collect(step, steps));
    }
    let pattern = &description["pattern"];
    let literal = pattern["String"].as_str().map(|text| Ok(Expression::literal(text)));
    let pattern = literal.or_else(|| pattern["Regex"].as_str().map(Expression::new));
    let content = description["content"].as_str().map(str::to_owned);
    let step = match (pattern, content, description["prepend"].as_str()) {
        (Some(pattern), Some(content), _) if is("Replace", "pattern") => Step::Replace { pattern: pattern?, content },
        (_, _, Some(prepend)) if is("Prepend", "prepend") => Step::Prepend(prepend.to_owned()),
        _ => match guarded(|| Ok(serde_json::from_value(description.clone())?))? {
            NormalizerWrapper::Precompiled(table) => Step::Precompiled(table),
            other => Step::Other(Box::new(other)),
        },
    };
    steps.push(step);
    Ok(())
}

impl Step {
    fn apply(&self, text: &mut NormalizedString, budget: &Budget) -> Result<(), TokenizerError> {
        match self {
            Step::Replace { pattern, content } => {
                let cut = pattern.cut(text.get(), budget)?;
                let (mut matches, mut matched) = (0_usize, 0);
                for ((start, end), _) in cut.0.borrow().iter().filter(|(_, is_match)| *is_match) {
                    (matches, matched) = (matches + 1, matched + end - start);
                }
                if matches == 0 {
                    return Ok(());
                }
                budget.grows(matches.saturating_mul(content.len()).saturating_add(text.get().len() - matched))?;
                guarded(|| text.replace(&cut, content))
            }
            Step::Prepend(prepend) => {
                if !text.get().is_empty() {
                    budget.grows(text.get().len().saturating_add(prepend.len()))?;
                    text.prepend(prepend);
                }
                Ok(())
            }
            Step::Precompiled(table) => {
                // A damaged table panics.
                guarded(|| {
                    grows_by(table, text.get(), budget)?;
                    table.normalize(text)
                })
            }
            Step::Other(step) => {
                if !budget.holds(text.get().len().saturating_mul(MOST_A_BYTE)) {
                    budget.grows(grown_to(step, text.get())?)?;
                }
                guarded(|| step.normalize(text))?;
                budget.grows(text.get().len())
            }
        }
    }
}

/// Adds up what a table makes of a text, or more: what it replaces at a place is told by the shortest of its keys there.
fn grows_by(table: &Precompiled, text: &str, budget: &Budget) -> Result<(), TokenizerError> {
    let mut bytes = 0;
    text.char_indices().try_for_each(|(at, c)| {
        let place = &text[at..text.floor_char_boundary(at + LONGEST_REPLACED)];
        bytes += table.transform(place).map_or(0, str::len).max(c.len_utf8());
        budget.grows(bytes)
    })
}

/// Bytes that a step makes of a long text, found slice by slice.
fn grown_to(step: &NormalizerWrapper, text: &str) -> Result<usize, TokenizerError> {
    let (mut rest, mut bytes) = (text, 0);
    while !rest.is_empty() {
        let (slice, after) = rest.split_at(rest.floor_char_boundary(SLICE));
        let mut slice = NormalizedString::from(slice);
        guarded(|| step.normalize(&mut slice))?;
        (rest, bytes) = (after, bytes + slice.get().len());
    }
    Ok(bytes)
}
