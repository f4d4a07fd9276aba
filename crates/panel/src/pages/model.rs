//! One model: its card, its licence, what is predicted and measured of it, and what the panel says.

use askama::Template;
use plimsoll_catalog::{Answer, Claim, ModelCard, Outcome, Shape, Terms, Topic};
use plimsoll_lab::predict::before::{Floats, Prediction};
use plimsoll_lab::record::Measurement;

use super::catalogue::Choices;
use super::shown::{Shelf, entry_price, summary};
use super::waterline::waterline;
use super::{Chrome, DemandForm, Site};
use crate::judge::{Demand, Part, Review};
use crate::predicted::{afloat, bytes, context_words, speed};
use crate::store::{Judged, Listed};

/// The page of a model.
#[derive(Template)]
#[template(path = "model.html")]
pub struct ModelPage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// In addresses.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the catalogue knows of it.
    pub card: Option<&'a ModelCard>,
    /// What its licence says.
    pub terms: &'a Terms,
    /// What it is wanted for.
    pub demand: &'a Demand,
    /// The form that asks for it.
    pub form: DemandForm<'a>,
    /// The device in words, with how its figures are known.
    pub device: String,
    /// What is missing of this machine's limits at this moment, if anything is.
    pub pending: Option<&'static str>,
    /// What is predicted of its published checkpoints.
    pub checkpoints: Vec<Checkpoint>,
    /// What the panel says, from the latest comparison or from the licence alone.
    pub review: &'a Review,
    /// The comparison that the review was made from.
    pub from: Option<String>,
    /// Comparisons that it was in.
    pub comparisons: &'a [Listed],
    /// Earlier verdicts.
    pub history: &'a [Judged],
    /// Everything measured of it here, which claims are held against.
    pub measured: Vec<&'a Measurement>,
    /// Models to choose from, by kind.
    pub choices: Choices,
    /// Ids of models that it is compared with elsewhere.
    pub rivals: Vec<String>,
}

/// What is predicted of one published checkpoint, quantisation by quantisation.
pub struct Checkpoint {
    name: String,
    /// For how much memory is: tokens, and pictures among them.
    context: String,
    stored: Vec<Stored>,
    /// What would run it, where this program would not.
    runner: Option<String>,
    /// How the figures came about.
    derived: Vec<String>,
    /// How the shape is known.
    provenance: String,
}

/// One way to store a checkpoint.
struct Stored {
    name: String,
    file: String,
    /// Whether somebody published a file of that size, or it is predicted too.
    is_published: bool,
    prediction: Prediction,
}

impl Checkpoint {
    /// Of the predictions of a shape, the most precise first; `pictures` are counted in them if it sees.
    pub fn of(
        name: String,
        shape: &Shape,
        pictures: usize,
        predicted: Vec<Prediction>,
        runner: Option<String>,
    ) -> Checkpoint {
        let pictures = if shape.vision.is_some() { pictures } else { 0 };
        let stored = |prediction: Prediction| {
            let name = prediction.quantisation.to_string();
            let published = shape.files.iter().chain(&shape.native).find(|file| file.quantisation == name);
            Stored {
                file: bytes(published.map_or(prediction.file_bytes as f64, |file| file.bytes)),
                is_published: published.is_some(),
                name,
                prediction,
            }
        };
        Checkpoint {
            name,
            context: context_words(predicted.first().map_or(0, |one| one.context), pictures),
            derived: predicted.first().map(|one| one.derived.clone()).unwrap_or_default(),
            stored: predicted.into_iter().map(stored).collect(),
            runner,
            provenance: shape.provenance.words(),
        }
    }
}

impl Stored {
    fn memory(&self) -> String {
        bytes(self.prediction.memory.total.high)
    }

    fn decode(&self) -> String {
        speed(self.prediction.decode)
    }

    /// A range, or what arithmetic allows at most where no more is known.
    fn prefill(&self) -> String {
        match (self.prediction.prefill, self.prediction.prefill_at_most) {
            (None, Some(most)) => format!("at most {most:.0}"),
            (range, _) => speed(range),
        }
    }

    fn floats(&self, demand: &Demand) -> Floats {
        afloat(&self.prediction, &demand.needs)
    }

    fn mark(&self, demand: &Demand) -> String {
        waterline(Some(self.prediction.memory.total), self.prediction.room, Some(self.floats(demand)))
    }

    fn words(&self, demand: &Demand) -> &'static str {
        match self.floats(demand) {
            Floats::Yes => "floats",
            Floats::Perhaps => "perhaps",
            Floats::No if self.prediction.fits != Floats::No => "sinks: it misses a need",
            Floats::No => "sinks",
        }
    }
}

impl ModelPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> String {
        format!("{}: should you ship it?", self.name)
    }

    fn description(&self) -> String {
        let about = self.card.map_or("", |card| card.description.as_str());
        summary(&format!("{} for {} use. {about}", self.review.verdict, self.demand.usage))
    }

    fn site(&self) -> Option<Site<'_>> {
        self.chrome.site()
    }

    fn shelf(&self) -> Shelf {
        Shelf::of([self.card.map(|card| card.category)])
    }

    fn entry_price(&self) -> String {
        entry_price(self.card, self.terms)
    }

    /// Ids and names of those that it is compared with elsewhere.
    fn named_rivals(&self) -> Vec<(String, String)> {
        let name = |id: &String| self.choices.iter().flat_map(|(_, models)| models).find(|(known, _)| known == id);
        self.rivals.iter().filter_map(name).cloned().collect()
    }

    /// Models to compare it with: those it is compared with elsewhere first, itself left out.
    fn others(&self) -> Choices {
        let rivals = self.named_rivals();
        let rest = self.choices.iter().map(|(about, models)| {
            let left = models.iter().filter(|one| one.0 != self.id && !rivals.contains(one));
            (*about, left.cloned().collect::<Vec<_>>())
        });
        let rest: Choices = rest.collect();
        let all = std::iter::once(("Rivals", rivals)).chain(rest);
        all.filter(|(_, models)| !models.is_empty()).collect()
    }

    fn conditions(&self) -> Vec<(&'static str, Answer, Option<&str>)> {
        let of = |topic: Topic| {
            let condition = self.terms.conditions.get(topic);
            (topic.words(), condition.answer, condition.clause.as_deref())
        };
        Topic::ALL.into_iter().map(of).collect()
    }

    /// What is claimed, each with what was measured of it here.
    fn claims(&self) -> Vec<(&Claim, Option<&Measurement>)> {
        let claims = self.card.map(|card| &card.claims[..]).unwrap_or_default();
        let measured = |claim: &Claim| {
            let name = &claim.metric.as_ref()?.name;
            self.measured.iter().copied().find(|measurement| measurement.metric == *name)
        };
        claims.iter().map(|claim| (claim, measured(claim))).collect()
    }

    /// How the use stands to the licence, in a word or three.
    fn gate(&self) -> String {
        let licence = &self.review.licence;
        licence.allowed_within().unwrap_or_else(|| licence.outcome.to_string())
    }

    fn asks(&self) -> Vec<(&'static str, Answer)> {
        let Some(asks) = self.card.map(|card| &card.asks) else { return Vec::new() };
        vec![
            ("Loads in a standard stack", asks.standard_stack),
            ("Works offline", asks.offline),
            ("Quantised variants are published", asks.quantised),
            ("Can be fine-tuned", asks.fine_tunes),
            ("GGUF", asks.gguf),
            ("ONNX", asks.onnx),
            ("MLX", asks.mlx),
            ("Sees images", asks.images),
            ("Reads documents", asks.documents),
            ("Sees video", asks.video),
        ]
    }
}
