//! The panel: four reviewers judge each model by a published rubric, from measurements and licence terms alone.
//!
//! [`review`] is a pure function: the same rubric and the same evidence give the same bytes. [`check`] is its opposite
//! number, which takes a review and says where a figure cannot be traced or a score does not follow.

mod advice;
mod check;
mod dossier;
mod paragraph;
mod review;
mod verdict;

use plimsoll_catalog::{DeclaredUse, ModelCard, Terms};
use plimsoll_lab::record::{Comparison, Device, Fidelity, Measurement, ModelRecord, Side};
use serde::{Deserialize, Serialize};

pub use advice::{Advice, Preferred};
pub use check::{Fault, check, check_judgement};
pub use paragraph::Part;
pub use review::{Call, GateFound, Opinion, Review, Scored, review};
pub use verdict::{Verdict, Word};

use crate::rubric::Rubric;

/// What a review is of, and everything it may rest on.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What the model is called.
    pub name: &'a str,
    /// What was seen of it, and where; a model without files has none.
    pub seen: Option<(&'a ModelRecord, &'a Device)>,
    /// Further measurements of the same artifact, such as published benchmarks.
    pub further: &'a [Measurement],
    /// How far it is from its base, if it was compared with that.
    pub fidelity: Option<&'a Fidelity>,
    /// What the catalogue knows of it.
    pub card: Option<&'a ModelCard>,
    /// What its licence says.
    pub terms: &'a Terms,
    /// What it is wanted for.
    pub usage: &'a DeclaredUse,
}

/// What the panel says of two models that were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What the models are wanted for, declared before they were measured.
    pub usage: DeclaredUse,
    /// SHA-256 of the rubric.
    pub rubric: String,
    /// Of model A and model B.
    pub reviews: [Review; 2],
    /// Which to ship, or that the evidence does not tell them apart.
    pub advice: Advice,
}

impl Judgement {
    /// Put together again from both reviews: which to ship follows from them and the comparison.
    pub fn of_reviews(comparison: &Comparison, reviews: [Review; 2]) -> Judgement {
        let advice = advice::advice(comparison, &reviews);
        Judgement { usage: reviews[0].usage.clone(), rubric: reviews[0].rubric.clone(), reviews, advice }
    }
}

/// What is known of a compared model besides the comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// What its licence says.
    pub terms: Terms,
    /// What the catalogue knows of it.
    pub card: Option<ModelCard>,
    /// Further measurements of the same artifact.
    pub further: Vec<Measurement>,
}

/// Judges both models of a comparison for one use.
pub fn judge(comparison: &Comparison, background: [&Background; 2], usage: &DeclaredUse, rubric: &Rubric) -> Judgement {
    let reviews = Side::BOTH.map(|side| review(&subject(comparison, background, usage, side), rubric));
    let advice = advice::advice(comparison, &reviews);
    Judgement { usage: usage.clone(), rubric: rubric.sha256.clone(), reviews, advice }
}

/// One side of a comparison as a review's subject.
fn subject<'a>(
    comparison: &'a Comparison,
    background: [&'a Background; 2],
    usage: &'a DeclaredUse,
    side: Side,
) -> Subject<'a> {
    let (model, known) = (&comparison.models[side.index()], background[side.index()]);
    Subject {
        name: &model.facts.name,
        seen: Some((model, &comparison.device)),
        further: &known.further,
        fidelity: comparison.fidelity.as_ref().and_then(|found| found.of_derived(side)),
        card: known.card.as_ref(),
        terms: &known.terms,
        usage,
    }
}
