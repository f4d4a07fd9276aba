//! Puts a suite to a model and keeps every answer.

use serde::{Deserialize, Serialize};

use crate::journal::{Journal, NoJournal, recall_or};
use crate::language_model::{AnswerError, Decoding, LanguageModel, Question};
use crate::questions::likeliest;
use crate::score::Scoring;
use crate::suite::{Item, Suite, hash};

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ItemOutcome {
    /// The item's id: two models are paired by it.
    pub item: String,
    /// The item's category.
    pub category: String,
    /// Whether the answer was marked right: where the question asks for a form, right in that form.
    pub correct: bool,
    /// Whether the right answer stands in it, in whatever form; absent where marking does not tell the two apart, and from
    /// records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
    /// The text generated, or the likeliest option.
    pub answer: String,
    /// For likelihood items the log-probability of each option, in nats; else empty.
    pub log_likelihoods: Vec<f64>,
}

/// Why a run says nothing of the model.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The model failed on an item.
    #[error("item `{item}` could not be answered: {source}")]
    Answer {
        /// The item's id.
        item: String,
        /// What failed.
        source: AnswerError,
    },
    /// The model gave a number of likelihoods other than the number of options.
    #[error("item `{item}` has {options} options and got {found} likelihoods")]
    Likelihoods {
        /// The item's id.
        item: String,
        /// Options asked about.
        options: usize,
        /// Likelihoods received.
        found: usize,
    },
    /// The canary failed: the run is broken and its scores would say nothing of the model.
    #[error(
        "the canary `{item}` failed (log-likelihoods {log_likelihoods:?}, option {answer} should lead): \
         the run is broken, which says nothing of the model"
    )]
    Canary {
        /// The canary's id.
        item: String,
        /// Index of the option that should lead.
        answer: usize,
        /// What the model gave, in nats.
        log_likelihoods: Vec<f64>,
    },
    /// The marking rules reject a reference answer or take a wrong one: a fault of this program.
    #[error("marking is broken: item `{item}` marks {answer:?} as {marked}")]
    Marking {
        /// The item's id.
        item: String,
        /// The answer fed to the marking rules.
        answer: String,
        /// What they said.
        marked: &'static str,
    },
}

/// Puts every item of `suite` to `model`, the canary first; after each item `progress` hears how many are done.
///
/// # Errors
/// When marking is broken, the canary fails, or the model cannot answer an item: never a score made from part of
/// the items.
pub fn run(
    suite: &Suite,
    model: &mut dyn LanguageModel,
    progress: impl FnMut(usize),
) -> Result<Vec<ItemOutcome>, RunError> {
    run_with(suite, model, &mut NoJournal, progress)
}

/// The same, but an item that `journal` remembers is not put to the model again; the canary always is.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    suite: &Suite,
    model: &mut dyn LanguageModel,
    journal: &mut dyn Journal,
    mut progress: impl FnMut(usize),
) -> Result<Vec<ItemOutcome>, RunError> {
    check_marking(suite)?;
    check_canary(suite, model)?;
    suite
        .items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let outcome = recall_or(journal, &key(item, suite.scorer_version), || answer(item, model))?;
            progress(index + 1);
            Ok(outcome)
        })
        .collect()
}

/// What an item's outcome hangs on, but for the model: all of the item, and the rules of marking.
fn key(item: &Item, scorer_version: u32) -> String {
    format!("item/{}/{scorer_version}/{}", item.id, hash::sha256_hex(hash::canonical_json(item).as_bytes()))
}

/// Puts one item to `model`.
///
/// # Errors
/// When the model cannot answer.
pub fn answer(item: &Item, model: &mut dyn LanguageModel) -> Result<ItemOutcome, RunError> {
    let question = Question::from(item);
    let failed = |source| RunError::Answer { item: item.id.clone(), source };
    let (answer, log_likelihoods) = match item.scoring.options() {
        Some((options, lengths)) => {
            let likelihoods = model.log_likelihoods(question, options).map_err(failed)?;
            if likelihoods.len() != options.len() {
                let (options, found) = (options.len(), likelihoods.len());
                return Err(RunError::Likelihoods { item: item.id.clone(), options, found });
            }
            (chosen(options, lengths, &likelihoods), likelihoods)
        }
        None => (model.generate(question, item.max_tokens, Decoding::Greedy).map_err(failed)?, Vec::new()),
    };
    let mark = item.marked(&answer).map_err(failed)?;
    Ok(ItemOutcome {
        item: item.id.clone(),
        category: item.category.clone(),
        correct: mark.correct,
        known: mark.known,
        answer,
        log_likelihoods,
    })
}

/// The likeliest of the options, or nothing where two share the lead.
pub(crate) fn chosen(options: &[String], lengths: &[usize], likelihoods: &[f64]) -> String {
    likeliest(likelihoods, lengths).map_or(String::new(), |index| options[index].clone())
}

/// The index of the one largest value; none where two share it or any is not a number.
pub(crate) fn leader(values: &[f64]) -> Option<usize> {
    let best = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut at_best = values.iter().enumerate().filter(|(_, value)| **value == best);
    let (index, _) = at_best.next()?;
    (at_best.next().is_none() && !values.iter().any(|value| value.is_nan())).then_some(index)
}

/// Puts the canary of `suite` to `model`, as [`run`] does before anything else.
///
/// # Errors
/// When it fails: the run would say nothing of the model.
pub fn check_canary(suite: &Suite, model: &mut dyn LanguageModel) -> Result<(), RunError> {
    let outcome = answer(&suite.canary, model)?;
    if outcome.correct {
        return Ok(());
    }
    let answer = match &suite.canary.scoring {
        Scoring::Choice { answer, .. } => *answer,
        _ => 0,
    };
    Err(RunError::Canary { item: outcome.item, answer, log_likelihoods: outcome.log_likelihoods })
}

/// Every reference answer must be marked right and a spoiled one wrong.
fn check_marking(suite: &Suite) -> Result<(), RunError> {
    for item in suite.items.iter().chain([&suite.canary]) {
        let (right, wrong) = (item.scoring.reference(), item.scoring.spoiled());
        // A program's tests take a process each: the first are tried where the tasks are read.
        if matches!(item.scoring, Scoring::Program(_)) {
            continue;
        }
        // A pattern or a schema has no answer that it is known to take.
        if !right.is_empty() && !item.scoring.mark(&right) {
            return Err(RunError::Marking { item: item.id.clone(), answer: right, marked: "wrong" });
        }
        if item.scoring.knows(&wrong) {
            return Err(RunError::Marking { item: item.id.clone(), answer: wrong, marked: "right" });
        }
    }
    Ok(())
}
