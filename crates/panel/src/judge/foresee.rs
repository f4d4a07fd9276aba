//! What the panel says of a model before anything of it is fetched: the same reviewers and vetoes, on predictions.

use plimsoll_catalog::{Catalog, DeviceKind, DeviceProfile, ModelCard, Shape, Terms};
use plimsoll_lab::predict::before::{Floats, Place, Prediction, Range};
use plimsoll_lab::predict::here::memory;
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_lab::predict::published::ShapeProblem;
use serde::{Deserialize, Serialize};

use super::expected::{AtLeast, Expected, OtherEngine};
use super::{Demand, Need, Review, Rival, Subject, Workload, review};
use crate::predicted::{CONTEXT, Costs, afloat, asked, stands};
use crate::rubric::Rubric;

/// The device that models are judged for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// For predictions.
    pub place: Place<'a>,
    /// As it is read.
    pub name: &'a str,
    /// What a model may take of its memory, in bytes.
    pub room: Option<Range>,
    /// All its memory, in bytes.
    pub installed: Option<Range>,
}

impl<'a> Target<'a> {
    /// A device of which published figures are known.
    pub fn there(profile: &'a DeviceProfile) -> Target<'a> {
        let range =
            |figure: &plimsoll_catalog::Figure| Range { low: figure.least(), value: figure.value, high: figure.most() };
        Target {
            place: Place::There(profile),
            name: &profile.name,
            room: Some(range(&profile.app_memory)),
            installed: Some(range(&profile.memory)),
        }
    }

    /// This machine, with the memory that is free at this moment.
    pub fn here(place: Place<'a>) -> Target<'a> {
        let found = memory();
        Target {
            place,
            name: "this machine",
            room: found.map(|(free, all)| Range { low: free, value: free, high: all }),
            installed: found.map(|(_, all)| Range { low: all, value: all, high: all }),
        }
    }

    /// With no more of its memory than this, where anything is asked for, in bytes.
    pub fn within(self, most: Option<f64>) -> Target<'a> {
        let room = most.map(|bytes| Range { low: bytes, value: bytes, high: bytes });
        Target { room: room.or(self.room), ..self }
    }

    /// The kind of work that a model is wanted for there where nobody says: a phone's on a phone, else a chat.
    pub fn workload(&self) -> Workload {
        match self.profile() {
            Some(profile) if profile.kind == DeviceKind::Phone => Workload::Phone,
            _ => Workload::Chat,
        }
    }

    /// Its profile, where it is not this machine.
    fn profile(&self) -> Option<&'a DeviceProfile> {
        match self.place {
            Place::There(profile) => Some(profile),
            Place::Here(_) | Place::Unmeasured => None,
        }
    }
}

/// For what a model is to be predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Tokens that prompt and answer take together, as far as a model's context reaches.
    pub context: usize,
    /// Pictures among them; none are counted of a model that does not see.
    pub pictures: usize,
    /// How the weights are stored; the one that suits the device best where nothing is said.
    pub quantisation: Option<Quantisation>,
}

impl Default for Wish {
    /// What models are wanted for where nobody says.
    fn default() -> Wish {
        Wish { context: CONTEXT, pictures: 1, quantisation: None }
    }
}

/// Why a model is predicted as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Chosen {
    /// That was asked for.
    Asked,
    /// The most precise of the usual ones that surely fits and writes as fast as people read.
    Readable,
    /// The most precise of the usual ones that surely fits; how fast it writes is not known, or nobody waits.
    Fitting,
    /// The smallest: none that fits surely writes as fast as people read.
    Fastest,
    /// The smallest: none surely fits.
    Smallest,
}

impl Chosen {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Chosen::Asked => "as asked",
            Chosen::Readable => "the most precise usual one that surely fits and writes as fast as people read",
            Chosen::Fitting => "the most precise usual one that surely fits",
            Chosen::Fastest => "the smallest usual one: none surely writes as fast as people read",
            Chosen::Smallest => "the smallest usual one: none surely fits",
        }
    }
}

/// Of a model's usual ways to be stored the one that suits, and why.
///
/// `all` has the most precise first. Weights in 16 bits are never chosen: in 8 bits they answer alike in half the memory.
fn choose(
    all: Vec<Prediction>,
    needs: &[Need],
    wanted: Option<Quantisation>,
    speed: Option<f64>,
) -> Option<(Prediction, Chosen)> {
    if let Some(wanted) = wanted {
        return all.into_iter().find(|one| one.quantisation == wanted).map(|one| (one, Chosen::Asked));
    }
    let usual: Vec<Prediction> = all.into_iter().filter(|one| one.quantisation != Quantisation::BF16).collect();
    let needed = |one: &Prediction| needs.iter().map(|need| stands(need, one)).fold(Floats::Yes, Floats::max);
    let best = usual.iter().map(needed).min()?;
    let is_read = |one: &Prediction| match (one.decode, speed) {
        (Some(decode), Some(speed)) => decode.low >= speed,
        _ => true,
    };
    let is_good = |one: &&Prediction| one.fits == Floats::Yes && needed(one) == best && is_read(one);
    if let Some(found) = usual.iter().find(is_good) {
        let is_known = speed.is_some() && found.decode.is_some();
        return Some((found.clone(), if is_known { Chosen::Readable } else { Chosen::Fitting }));
    }
    let fits = usual.iter().any(|one| afloat(one, &[]) == Floats::Yes);
    let smallest = usual.into_iter().min_by(|a, b| a.memory.total.high.total_cmp(&b.memory.total.high))?;
    Some((smallest, if fits { Chosen::Fastest } else { Chosen::Smallest }))
}

/// What is asked of every model alike: where, for what, and by which rubric.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Where.
    pub target: Target<'a>,
    /// For how much context, and stored how.
    pub wish: Wish,
    /// What it is wanted for.
    pub demand: &'a Demand,
    /// What the panel judges by.
    pub rubric: &'a Rubric,
    /// What shapes cost that were asked for before.
    pub costs: &'a Costs,
}

/// A model as its card describes it, with what is predicted of it and what the panel makes of that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Foreseen {
    /// Its card.
    pub card: ModelCard,
    /// The checkpoint on the hub that is predicted, if it has a name there.
    pub hub: Option<String>,
    /// Its parameters; none where its shape is not published.
    pub parameters: Option<u64>,
    /// Where the figures of its shape come from, as a person reads it.
    pub figures: Option<String>,
    /// What is predicted.
    pub expected: Expected,
    /// Why it is stored as it is.
    pub chosen: Option<Chosen>,
    /// What its licence says.
    pub terms: Terms,
    /// What its card names as rivals.
    pub rivals: Vec<Rival>,
    /// What the panel says, marked as predicted.
    pub review: Review,
}

impl Question<'_> {
    /// Judges a checkpoint of a card; without a `shape` by all else that the card says.
    ///
    /// # Errors
    /// The shape's figures make no network.
    pub fn of(&self, catalog: &Catalog, card: &ModelCard, shape: Option<&Shape>) -> Result<Foreseen, ShapeProblem> {
        let terms = catalog.terms(&[], &[], Some(card));
        let found = shape.map(|shape| self.predicted(card, shape)).transpose()?.flatten();
        let (prediction, chosen) = found.unzip();
        let engine = prediction.as_ref().and_then(|found| OtherEngine::of(card, found.runner, self.target.profile()));
        let Target { name, installed, room, .. } = self.target;
        let size = card.size.as_deref().filter(|_| prediction.is_none());
        let at_least = size.and_then(|size| AtLeast::of(size, self.wish.quantisation, room));
        let is_named = self.target.profile().is_some();
        let expected = Expected { device: name.to_owned(), installed, is_named, prediction, at_least, engine };
        let rivals = Rival::of(catalog, Some(card));
        let subject = Subject {
            card: Some(card),
            expected: Some(&expected),
            rivals: &rivals,
            ..Subject::of(&card.name, &terms, self.demand)
        };
        let review = review(&subject, self.rubric);
        Ok(Foreseen {
            card: card.clone(),
            hub: shape.and_then(|shape| shape.hub.clone()),
            parameters: shape.map(|shape| shape.parameters),
            figures: shape.map(|shape| shape.provenance.words()),
            expected,
            chosen,
            terms,
            rivals,
            review,
        })
    }

    fn predicted(&self, card: &ModelCard, shape: &Shape) -> Result<Option<(Prediction, Chosen)>, ShapeProblem> {
        let asked = asked(shape, self.wish.context, self.wish.pictures);
        let all = self.costs.predicted(card, shape, self.target.place, self.target.room, asked)?;
        let speed = self.rubric.reading_speed(self.demand);
        Ok(choose(all, &self.demand.needs, self.wish.quantisation, speed))
    }
}

impl Foreseen {
    /// The measurement of its review that is called `metric`: of a prediction what is predicted.
    pub fn figure(&self, metric: &str) -> Option<&plimsoll_lab::record::Measurement> {
        self.review.derived.iter().find(|derived| derived.metric == metric)
    }

    /// As which it is predicted.
    pub fn quantisation(&self) -> Option<Quantisation> {
        self.expected.prediction.as_ref().map(|prediction| prediction.quantisation)
    }
}
