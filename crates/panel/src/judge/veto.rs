//! What stands above the vote: grounds on which a model is skipped whatever the reviewers say.

use plimsoll_catalog::{Availability, Gate, Outcome};
use plimsoll_lab::canary::Broken;
use plimsoll_lab::predict::before::Floats;
use plimsoll_lab::record::Measurement;
use serde::{Deserialize, Serialize};

use super::Subject;
use super::evidence_index::{AT_LEAST, EvidenceIndex};
use super::need::NeedFound;
use super::paragraph::{Paragraph, Part};
use crate::rubric::Rubric;

/// Why a model is skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The licence does not allow the declared use.
    Licence,
    /// Its numbers are not those of the reference implementation.
    Verification,
    /// It predicts no ordinary text, or does not see: nothing that was measured of its quality says anything.
    Canaries,
    /// Its right answers are not clear of what guessing gets.
    Chance,
    /// It does not meet what the reader needs.
    Need,
    /// By what is predicted it cannot be held in the memory that it may take.
    Memory,
    /// It comes with the program to show how that works, and none of its answers were measured.
    Demonstration,
}

/// A veto, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Veto {
    /// On which ground.
    pub ground: Ground,
    /// Why, a sentence whose figures say where they come from.
    pub paragraph: Vec<Part>,
}

impl Veto {
    /// As one text.
    pub fn text(&self) -> String {
        self.paragraph.iter().map(Part::text).collect()
    }
}

/// Every veto against a model: licence, verification, canaries, guessing, memory, demonstrations, needs.
pub(super) fn vetoes(
    subject: &Subject,
    index: &EvidenceIndex,
    licence: &Gate,
    needs: &[NeedFound],
    rubric: &Rubric,
) -> Vec<Veto> {
    let mut found = Vec::new();
    found.extend((licence.outcome == Outcome::Failed).then(|| forbidden(licence)));
    found.extend(strays(subject));
    found.extend(silent(subject));
    found.extend(guesses(subject, index, rubric));
    found.extend(too_large(subject, index));
    found.extend(only_shows(subject));
    let unmet = needs.iter().filter(|found| found.outcome == Outcome::Failed);
    found.extend(unmet.filter_map(|need| Some(unmet_need(need, index.of_id(need.measurement.as_deref()?)?))));
    found
}

fn forbidden(licence: &Gate) -> Veto {
    let mut says = Paragraph::default();
    says.words("The licence does not allow the declared use: ");
    for (index, reason) in licence.decisive().enumerate() {
        says.words(if index == 0 { "" } else { "; " }).term(&reason.words);
        if let Some(clause) = &reason.clause {
            says.words(" (").term(clause).words(")");
        }
    }
    says.words(".");
    Veto { ground: Ground::Licence, paragraph: says.done() }
}

fn strays(subject: &Subject) -> Option<Veto> {
    let verified = subject.seen?.model.verified.as_ref().filter(|verified| !verified.passed)?;
    let mut says = Paragraph::default();
    says.words("Verification failed: its results are not those of ").name(&verified.reference);
    says.words(" (largest difference of a logit ").value_alone(&verified.max_delta).words(").");
    Some(Veto { ground: Ground::Verification, paragraph: says.done() })
}

fn silent(subject: &Subject) -> Option<Veto> {
    let record = subject.seen?.model.canaries.as_ref().filter(|record| !record.found.passed)?;
    let mut says = Paragraph::default();
    says.words("Canaries failed: it hardly ");
    let is_blind = record.found.looking.is_some_and(|looking| !looking.passed);
    says.words(if is_blind { "tells one picture from another" } else { "predicts ordinary text" });
    says.words(match record.likelier_broken {
        Some(Broken::Run) => ", and the run is likelier broken than the model.",
        _ => ", and the model is likelier broken than the run.",
    });
    Some(Veto { ground: Ground::Canaries, paragraph: says.done() })
}

/// Where nothing was asked nobody can say that it guesses, and nothing is vetoed.
fn guesses(subject: &Subject, index: &EvidenceIndex, rubric: &Rubric) -> Option<Veto> {
    let rate = &subject.seen?.model.quality.overall.rate;
    let chance = index.get("chance")?;
    let low = rate.interval.map_or(rate.value, |interval| interval.low);
    if low >= chance.value + rubric.chance_margin {
        return None;
    }
    let may_be_better = rate.interval.is_none_or(|interval| interval.high >= chance.value + rubric.chance_margin);
    let mut says = Paragraph::default();
    says.words(if may_be_better {
        "So few questions do not tell right answers from guessing: "
    } else {
        "Right answers are not clear of guessing: "
    });
    says.count(rate)
        .words(", ")
        .value(rate)
        .words(", where guessing (at random, or always the commonest answer) gets ");
    says.value_alone(chance)
        .words(", and the whole interval has to lie ")
        .rule(margin_text(rubric), "chance_margin".to_owned());
    says.words(if may_be_better { " above that; more questions may show it." } else { " above that." });
    Some(Veto { ground: Ground::Chance, paragraph: says.done() })
}

/// Where not even the least that is predicted is within the most that it may take.
fn too_large(subject: &Subject, index: &EvidenceIndex) -> Option<Veto> {
    let expected = subject.foreseen().filter(|expected| expected.fits() == Floats::No)?;
    let bound = index.get(AT_LEAST).zip(expected.at_least);
    let (takes, quantisation) = match (&expected.prediction, bound) {
        (Some(found), _) => (index.get("peak_memory")?, found.quantisation),
        (None, bound) => bound.map(|(bytes, found)| (bytes, found.quantisation))?,
    };
    let room = index.get("memory_room")?;
    let mut says = Paragraph::default();
    says.words("Its memory cannot fit there: ");
    says.words(if expected.prediction.is_some() { "it takes " } else { "its weights alone take " }).value(takes);
    says.words(" as ").name(&quantisation.to_string()).words(", and a model may take ").value(room).words(".");
    Some(Veto { ground: Ground::Memory, paragraph: says.done() })
}

/// Where its answers were measured they speak for themselves.
fn only_shows(subject: &Subject) -> Option<Veto> {
    let card = subject.card.filter(|card| card.availability == Availability::Embedded && subject.seen.is_none())?;
    let mut says = Paragraph::default();
    says.words("It comes with this program to show how that works, and is announced for ")
        .term(&card.best_for)
        .words(".");
    Some(Veto { ground: Ground::Demonstration, paragraph: says.done() })
}

/// The margin above chance in points.
pub(super) fn margin_text(rubric: &Rubric) -> String {
    format!("{} points", (rubric.chance_margin * 1e4).round() / 100.0)
}

fn unmet_need(found: &NeedFound, measured: &Measurement) -> Veto {
    let mut says = Paragraph::default();
    says.words("A need is not met: ").term(&found.need.text).words(", and it is ").value(measured).words(".");
    Veto { ground: Ground::Need, paragraph: says.done() }
}
