//! Every model of the catalogue held against a device: what the first page and its JSON show.

use plimsoll_catalog::{Gate, ModelCard, Outcome as Allowed, gate};
use plimsoll_lab::predict::before::Floats;
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_panel::judge::{Demand, Question, Wish};
use plimsoll_panel::pages::{Afloat, Entry};
use plimsoll_panel::predicted::afloat;
use plimsoll_panel::slug;
use plimsoll_panel::store::Store;

use crate::app::App;
use crate::contenders::Known;
use crate::device::Device;
use crate::error::Problem;

/// What models are held against.
pub struct Against<'a> {
    /// The use and the needs.
    pub demand: &'a Demand,
    /// Where it would run.
    pub device: &'a Device,
    /// How weights are stored; without it the way that suits the device.
    pub stored: Option<Quantisation>,
}

impl Against<'_> {
    /// One model of the catalogue.
    ///
    /// # Errors
    /// When the store fails, or a card's shape makes no network.
    pub fn entry<'c>(&self, app: &App, store: &Store, card: &'c ModelCard) -> Result<Entry<'c>, Problem> {
        let id = slug(&card.id);
        let gate = gate(&app.catalog.terms(&[], &[], Some(card)), &self.demand.usage);
        let checkpoint = card.shapes.first().filter(|_| card.shapes.len() > 1).and_then(|shape| shape.name());
        let checkpoint = checkpoint.map(str::to_owned);
        let question = Question {
            target: self.device.target(),
            wish: Wish { quantisation: self.stored, ..Wish::default() },
            demand: self.demand,
            rubric: &app.rubric,
            costs: &app.costs,
        };
        let foreseen = question.of(&app.catalog, card, card.shapes.first());
        let foreseen = foreseen.map_err(|error| Problem::Internal(error.to_string()))?;
        let (expected, verdict) = (foreseen.expected, foreseen.review.verdict);
        let bounded = expected.at_least.map(|_| expected.fits()).filter(|fits| *fits == Floats::No);
        let (predicted, engine, at_least) = (expected.prediction, expected.engine, expected.at_least);
        let (measured, rejected) = match self.measured(app, store, &id) {
            Ok(measured) => (measured, None),
            // The page of the model says more; the list goes on without it.
            Err(Problem::Tampered(_)) => {
                (None, Some("what was measured was changed since, and is not shown".to_owned()))
            }
            Err(problem) => return Err(problem),
        };
        let floats = predicted.as_ref().map(|predicted| afloat(predicted, &self.demand.needs)).or(bounded);
        let is_unmet = measured.as_ref().is_some_and(|(_, is_unmet)| *is_unmet);
        let floats = if is_unmet { Some(Floats::No) } else { floats };
        let measured = measured.map(|found| found.0);
        let foreseen = verdict;
        Ok(Entry { id, card, gate, checkpoint, predicted, at_least, engine, foreseen, floats, measured, rejected })
    }

    /// What was measured last, and whether it fails a need.
    fn measured(&self, app: &App, store: &Store, id: &str) -> Result<Option<(Afloat, bool)>, Problem> {
        if store.comparisons_with(id, 1)?.is_empty() {
            return Ok(None);
        }
        let known = Known::find(app, store, id)?;
        let review = known.review(app, self.demand);
        let Some((listed, comparison, side)) = &known.seen else { return Ok(None) };
        let record = &comparison.models[side.index()];
        let is_here = self.device.is(&comparison.device.cpu);
        let suite = &comparison.suite;
        let stored: Vec<&str> = record.facts.types.iter().map(|stored| stored.dtype.as_str()).take(1).collect();
        let found = Afloat {
            comparison: listed.comparison.clone(),
            is_here,
            device: comparison.device.cpu.clone(),
            stored: stored.join(", "),
            suite: match suite.sources.is_empty() {
                true => format!("{} questions of {}", suite.n, suite.words()),
                false => format!("{} {}", suite.n, suite.words()),
            },
            memory: record.memory.peak.clone(),
            decode: record.speed.first().map(|speed| speed.decode.clone()),
            right: record.quality.overall.rate.clone(),
            verdict: review.verdict,
        };
        // What another machine could not do this one may.
        let is_unmet = is_here && review.needs.iter().any(|need| need.outcome == Allowed::Failed);
        Ok(Some((found, is_unmet)))
    }
}

/// The quantisation of this name.
///
/// # Errors
/// [`Problem::Bad`], with all names.
pub fn quantisation(name: &str) -> Result<Option<Quantisation>, Problem> {
    if name.is_empty() {
        return Ok(None);
    }
    let found = Quantisation::ALL.into_iter().find(|known| known.to_string() == name);
    let known: Vec<String> = Quantisation::ALL.iter().map(ToString::to_string).collect();
    let unknown = || Problem::Bad(format!("`{name}` is no way to store weights; expected one of {}", known.join(", ")));
    found.map(Some).ok_or_else(unknown)
}

/// Whether the licence passes.
pub fn is_allowed(gate: &Gate) -> bool {
    gate.outcome == Allowed::Passed
}
