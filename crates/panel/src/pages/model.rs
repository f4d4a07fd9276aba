//! One model: its card, its licence, what was measured of it and what the panel says.

use askama::Template;
use plimsoll_catalog::{Answer, Claim, DeclaredUse, ModelCard, Terms, Topic};
use plimsoll_lab::record::Measurement;

use super::shown::summary;
use super::{Chrome, Site};
use crate::judge::{Part, Review};
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
    /// The use that the licence is held against.
    pub usage: &'a DeclaredUse,
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
    /// Ids of models to compare it with.
    pub rivals: Vec<String>,
}

impl ModelPage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &str {
        &self.name
    }

    fn description(&self) -> String {
        let about = self.card.map_or("", |card| card.description.as_str());
        summary(&format!("{} for {} use. {about}", self.review.verdict, self.usage))
    }

    fn site(&self) -> Option<Site<'_>> {
        self.chrome.site()
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
