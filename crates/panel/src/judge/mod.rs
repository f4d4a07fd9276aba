//! The panel: four reviewers judge each model by a published rubric, from measurements and licence terms alone.
//!
//! [`review`] is a pure function: the same rubric and the same evidence give the same bytes. [`check`] is its opposite
//! number, which takes a review and says where a figure cannot be traced or a score does not follow.

mod advice;
mod check;
mod demand;
mod evidence_index;
mod expected;
mod field;
mod foresee;
mod need;
mod outlook;
mod paragraph;
mod review;
mod verdict;
mod veto;
mod words;

use plimsoll_catalog::{Catalog, DeclaredUse, ModelCard, Terms};
use plimsoll_lab::record::{Comparison, Device, Fidelity, Measurement, ModelRecord, Side, SuiteFacts};
use serde::{Deserialize, Serialize};

pub use advice::{Advice, Preferred};
pub(crate) use advice::{open_needs, reservations};
pub use check::{Fault, check, check_comparison, check_judgement, check_report, unmarked};
pub use demand::{Demand, Workload};
pub use expected::{AtLeast, Expected, OtherEngine};
pub use field::{FieldAdvice, Judged, field_advice};
pub use foresee::{Chosen, Foreseen, Question, Target, Wish};
pub use need::{Need, NeedError, NeedFound, size};
pub use outlook::{Outlook, OutlookAdvice, RANKED_BY, check_outlook};
pub(crate) use paragraph::marked_text;
pub use paragraph::{Part, predicted_text, range_text};
pub use review::{GateFound, Opinion, Recommendation, Review, Scored, review};
pub use verdict::{Verdict, VerdictKind};
pub use veto::{Ground, Veto};

use crate::rubric::Rubric;

/// What a review is of, and everything it may rest on.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// What the model is called.
    pub name: &'a str,
    /// What was seen of it, and where; a model without files has none.
    pub seen: Option<MeasuredModel<'a>>,
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
    /// What is predicted of it, to be judged by where nothing was seen.
    pub expected: Option<&'a Expected>,
    /// What its card names as rivals.
    pub rivals: &'a [Rival],
}

impl<'a> Subject<'a> {
    /// A model of which no more is known than its terms.
    pub fn of(name: &'a str, terms: &'a Terms, demand: &'a Demand) -> Subject<'a> {
        let (seen, further, fidelity, card) = (None, &[][..], None, None);
        Subject { name, seen, further, fidelity, card, terms, demand, expected: None, rivals: &[] }
    }

    /// What it is judged by where nothing was seen of it: a review rests on measurements or on predictions.
    pub fn foreseen(&self) -> Option<&'a Expected> {
        self.expected.filter(|_| self.seen.is_none())
    }
}

/// What was seen of a model, where, and of which questions.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredModel<'a> {
    /// Everything measured of it.
    pub model: &'a ModelRecord,
    /// The machine.
    pub device: &'a Device,
    /// The questions, with what guessing gets of them.
    pub suite: &'a SuiteFacts,
}

/// What the panel says of two models that were compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
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

    /// What the panel says of those that the advice ships: one, either, or none.
    pub fn shipped(&self) -> Vec<&Review> {
        let [a, b] = &self.reviews;
        match self.advice.preferred {
            Preferred::A => vec![a],
            Preferred::B => vec![b],
            Preferred::NotToldApart => vec![a, b],
            Preferred::Neither => Vec::new(),
        }
    }

    /// Needs on which the advice hangs: the evidence does not tell whether what is shipped meets them.
    pub fn open_needs(&self) -> Vec<&str> {
        open_needs(&self.shipped())
    }
}

/// What is known of a compared model besides the comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Background {
    /// What its licence says.
    pub terms: Terms,
    /// What the catalogue knows of it.
    pub card: Option<ModelCard>,
    /// Further measurements of the same artifact.
    pub further: Vec<Measurement>,
    /// What the card names as rivals, with what the catalogue knows of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rivals: Vec<Rival>,
}

/// A model that a card names beside its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rival {
    /// As it is read.
    pub name: String,
    /// As announced, such as `3B`.
    pub size: Option<String>,
    /// Its licence by name.
    pub licence: Option<String>,
}

impl Rival {
    /// Those that `card` names and the catalogue knows.
    pub fn of(catalog: &Catalog, card: Option<&ModelCard>) -> Vec<Rival> {
        let named = card.into_iter().flat_map(|card| &card.rivals).filter_map(|id| catalog.card(id));
        let known = |card: &ModelCard| {
            let licence = card.licence.as_ref().or(card.licence_as_announced.as_ref());
            Rival { name: card.name.clone(), size: card.size.clone(), licence: licence.cloned() }
        };
        named.map(known).collect()
    }
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
        seen: Some(MeasuredModel { model, device: &comparison.device, suite: &comparison.suite }),
        further: &known.further,
        fidelity: comparison.fidelity.as_ref().and_then(|found| found.of_derived(side)),
        card: known.card.as_ref(),
        terms: &known.terms,
        demand,
        expected: None,
        rivals: &known.rivals,
    }
}
