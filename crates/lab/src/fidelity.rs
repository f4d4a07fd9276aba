//! How faithful a model is to the one that it was made from, by quantisation or otherwise: how far its predictions lie from
//! its base's over the same tokens, and how many answers change.

use plimsoll_engine::{Prompt, Session, SessionError, Special};
use plimsoll_models::Checkpoint;

use crate::divergence::DivergenceSamples;
use crate::language_model::{AnswerError, Question};
use crate::runner::ItemOutcome;
use crate::session_model::asked;
use crate::suite::{Item, Suite};
use crate::verify::BUILT_IN_TEXT;

/// Items whose prompts and answers are predicted: spread evenly over the suite, enough for the 99.9 % of thousands of
/// positions, and no second run of the whole.
const ITEMS: usize = 128;
/// Positions whose logits are held at a time.
const POSITIONS: usize = 64;

/// Why predictions were not compared.
#[derive(Debug, thiserror::Error)]
pub enum FidelityError {
    /// A text could not be passed through.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A question could not be put.
    #[error("item `{item}` could not be put: {source}")]
    Ask {
        /// The item's id.
        item: String,
        /// What failed.
        source: AnswerError,
    },
    /// A logit is no number, from which nothing has a distance.
    #[error("a logit of one of the models is not a number")]
    NotFinite,
}

/// How far a model's predictions lie from its base's.
#[derive(Debug, Clone, Default)]
pub struct Distances {
    /// At every position of the built-in text and of the questions' words, as plain text.
    pub text: DivergenceSamples,
    /// Where the tokens of a right answer are predicted, behind the question as it is asked.
    pub answers: DivergenceSamples,
    /// The same of questions about pictures, which are shown.
    pub pictures: DivergenceSamples,
}

/// How many answers a model gives otherwise than its base.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flips {
    /// Items.
    pub n: usize,
    /// Answers whose text or chosen option is another, right or wrong.
    pub changed: usize,
    /// Items that the base alone got right.
    pub lost: usize,
    /// Items that the model alone got right.
    pub gained: usize,
}

/// Whether two models can be artifacts of one: the same architecture in the same shape over the same tokens. What their
/// weights are is not asked, so that two trainings of one shape can be compared too.
pub fn are_comparable(a: (&Checkpoint, &Session), b: (&Checkpoint, &Session)) -> bool {
    let shape = |(checkpoint, session): (&Checkpoint, &Session)| {
        let hp = &checkpoint.hyperparams;
        (hp.arch.name, hp.n_layers, hp.d_model, session.program().network().vocab_size)
    };
    shape(a) == shape(b) && a.1.tokenizer().vocabulary_sha256() == b.1.tokenizer().vocabulary_sha256()
}

/// Items of `suite` whose predictions [`distances`] compares.
pub fn n_items(suite: &Suite) -> usize {
    chosen(suite).count()
}

/// Passes the same tokens through both, which [`are_comparable`] says can be: text as text, questions as each is asked.
/// `progress` hears how many items are done.
///
/// # Errors
/// [`FidelityError`].
pub fn distances(
    base: &mut Session,
    other: &mut Session,
    suite: &Suite,
    mut progress: impl FnMut(usize),
) -> Result<Distances, FidelityError> {
    let mut found = Distances::default();
    text(base, other, BUILT_IN_TEXT, &mut found.text)?;
    for (done, item) in chosen(suite).enumerate() {
        text(base, other, &item.prompt, &mut found.text)?;
        let behind = if item.shows_pictures() { &mut found.pictures } else { &mut found.answers };
        answer(base, other, item, behind)?;
        progress(done + 1);
    }
    let all = [&found.text, &found.answers, &found.pictures];
    match all.iter().flat_map(|samples| samples.kl()).all(|kl| kl.is_finite()) {
        true => Ok(found),
        false => Err(FidelityError::NotFinite),
    }
}

/// Counts what became of the same items, in the same order.
pub fn flips(base: &[ItemOutcome], other: &[ItemOutcome]) -> Flips {
    let count = |is: fn(&ItemOutcome, &ItemOutcome) -> bool| base.iter().zip(other).filter(|(a, b)| is(a, b)).count();
    Flips {
        n: base.len().min(other.len()),
        changed: count(|base, other| base.answer != other.answer),
        lost: count(|base, other| base.correct && !other.correct),
        gained: count(|base, other| !base.correct && other.correct),
    }
}

fn chosen(suite: &Suite) -> impl Iterator<Item = &Item> {
    suite.items.iter().step_by(suite.items.len().div_ceil(ITEMS).max(1))
}

/// Every position of a text; one longer than the context begins anew behind it.
fn text(
    base: &mut Session,
    other: &mut Session,
    text: &str,
    found: &mut DivergenceSamples,
) -> Result<(), SessionError> {
    let ids = base.text_ids(text)?;
    let window = base.context().min(other.context());
    let ((base, base_cache), (other, other_cache)) = (base.program_and_cache(), other.program_and_cache());
    for window in ids.chunks(window) {
        base_cache.truncate(0);
        other_cache.truncate(0);
        for tokens in window.chunks(POSITIONS) {
            let mut rows = Rows::default();
            base.step_each(base_cache, tokens, |_, row| rows.push(row))?;
            other.step_each(other_cache, tokens, |i, row| found.take(rows.get(i), row))?;
        }
    }
    Ok(())
}

/// The tokens of the right answer, behind the question.
fn answer(
    base: &mut Session,
    other: &mut Session,
    item: &Item,
    found: &mut DivergenceSamples,
) -> Result<(), FidelityError> {
    let question = Question::from(item);
    let failed = |source| FidelityError::Ask { item: item.id.clone(), source };
    let right = base.tokenizer().encode(&item.scoring.reference(), Special::AsText).map_err(SessionError::from)?;
    let mut rows = Rows::default();
    let (ids, images) = asked(base, question).map_err(failed)?;
    base.predict(Prompt { ids: &ids, images: &images }, &right, |_, row| rows.push(row))?;
    let (ids, images) = asked(other, question).map_err(failed)?;
    other.predict(Prompt { ids: &ids, images: &images }, &right, |i, row| found.take(rows.get(i), row))?;
    Ok(())
}

/// Logits of the base, `(n, vocab_size)`.
#[derive(Default)]
struct Rows {
    values: Vec<f32>,
    width: usize,
}

impl Rows {
    fn push(&mut self, row: &[f32]) {
        self.width = row.len();
        self.values.extend_from_slice(row);
    }

    fn get(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(found: &[(&str, bool)]) -> Vec<ItemOutcome> {
        let outcome = |(answer, correct): &(&str, bool)| ItemOutcome {
            item: String::new(),
            category: String::new(),
            correct: *correct,
            known: None,
            answer: (*answer).to_owned(),
            log_likelihoods: Vec::new(),
        };
        found.iter().map(outcome).collect()
    }

    #[test]
    fn one_wrong_answer_for_another_is_changed_and_neither_lost_nor_gained() {
        let base = outcomes(&[("4", true), ("5", false), ("6", false), ("7", true)]);
        let other = outcomes(&[("4", true), ("8", false), ("9", true), ("1", false)]);
        assert_eq!(flips(&base, &other), Flips { n: 4, changed: 3, lost: 1, gained: 1 });
        assert_eq!(flips(&base, &base), Flips { n: 4, changed: 0, lost: 0, gained: 0 });
    }

    #[test]
    fn items_are_spread_over_every_category() {
        let suite = Suite::builtin("text", 1, 50).unwrap();
        let mut categories: Vec<&str> = chosen(&suite).map(|item| item.category.as_str()).collect();
        assert!(categories.len() <= ITEMS && categories.len() > ITEMS / 2, "{}", categories.len());
        categories.dedup();
        assert_eq!(categories, suite.categories());
        let few = Suite::builtin("choice", 1, 3).unwrap();
        assert_eq!(n_items(&few), 3);
    }
}
