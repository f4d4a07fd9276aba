//! The panel: four reviewers judge each model by a published rubric, from measurements and licence terms alone.
//!
//! [`review`] is a pure function: the same rubric and the same evidence give the same bytes. [`check`] is its opposite
//! number, which takes a review and says where a figure cannot be traced or a score does not follow.

mod advice;
mod check;
mod demand;
mod dossier;
mod field;
mod need;
mod paragraph;
mod review;
mod verdict;
mod veto;
mod words;

use plimsoll_catalog::{DeclaredUse, ModelCard, Terms};
use plimsoll_lab::record::{Comparison, Device, Fidelity, Measurement, ModelRecord, Side, SuiteFacts};
use serde::{Deserialize, Serialize};

pub use advice::{Advice, Preferred};
pub use check::{Fault, check, check_comparison, check_judgement, check_report};
pub use demand::{Demand, Workload};
pub use field::{FieldAdvice, Judged, field_advice};
pub use need::{Need, NeedError, NeedFound, size};
pub use paragraph::{Part, range_text};
pub use review::{Call, GateFound, Opinion, Review, Scored, review};
pub use verdict::{Verdict, Word};
pub use veto::{Ground, Veto};

use crate::rubric::Rubric;

/// What a review is of, and everything it may rest on.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What the model is called.
    pub name: &'a str,
    /// What was seen of it, and where; a model without files has none.
    pub seen: Option<Seen<'a>>,
    /// Further measurements of the same artifact, such as published benchmarks.
    pub further: &'a [Measurement],
    /// How far it is from its base, if it was compared with that.
    pub fidelity: Option<&'a Fidelity>,
    /// What the catalogue knows of it.
    pub card: Option<&'a ModelCard>,
    /// What its licence says.
    pub terms: &'a Terms,
    /// What it is wanted for.
    pub demand: &'a Demand,
}

/// What was seen of a model, where, and of which questions.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// Everything measured of it.
    pub model: &'a ModelRecord,
    /// The machine.
    pub device: &'a Device,
    /// The questions, with what guessing gets of them.
    pub suite: &'a SuiteFacts,
}

/// What the panel says of two models that were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What the models are wanted for, declared before they were measured.
    pub usage: DeclaredUse,
    /// What speed and memory are judged against.
    #[serde(default)]
    pub workload: Workload,
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
        let (usage, workload) = (reviews[0].usage.clone(), reviews[0].workload);
        Judgement { usage, workload, rubric: reviews[0].rubric.clone(), reviews, advice }
    }

    /// What the models were wanted for.
    pub fn demand(&self) -> Demand {
        let needs = self.reviews[0].needs.iter().map(|found| found.need.clone()).collect();
        Demand { usage: self.usage.clone(), workload: self.workload, needs }
    }

    /// The use in words, such as `commercial, 1000 users; chat`.
    pub fn wanted(&self) -> String {
        format!("{}; {}", self.usage, self.workload)
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

/// Judges both models of a comparison for what they are wanted for.
pub fn judge(comparison: &Comparison, background: [&Background; 2], demand: &Demand, rubric: &Rubric) -> Judgement {
    Judgement::of_reviews(
        comparison,
        Side::BOTH.map(|side| review(&subject(comparison, background, demand, side), rubric)),
    )
}

/// One side of a comparison as a review's subject.
fn subject<'a>(
    comparison: &'a Comparison,
    background: [&'a Background; 2],
    demand: &'a Demand,
    side: Side,
) -> Subject<'a> {
    let (model, known) = (&comparison.models[side.index()], background[side.index()]);
    Subject {
        name: &model.facts.name,
        seen: Some(Seen { model, device: &comparison.device, suite: &comparison.suite }),
        further: &known.further,
        fidelity: comparison.fidelity.as_ref().and_then(|found| found.of_derived(side)),
        card: known.card.as_ref(),
        terms: &known.terms,
        demand,
    }
}
