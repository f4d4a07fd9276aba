//! What is known of a model without opening it.

use std::path::PathBuf;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::conditions::Answer;
use crate::shape::Shape;

/// A model as its maker announces it, and as others reviewed it. Nothing here was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelCard {
    /// Lower-case letters, digits, `.`, `-`, `_` and `:`; part of addresses.
    pub id: String,
    /// As its maker writes it.
    pub name: String,
    /// Who makes it.
    pub maker: String,
    /// The family of models that it belongs to.
    pub family: String,
    /// What it takes in.
    pub category: Category,
    /// As announced, such as `3B`.
    pub size: Option<String>,
    /// What it is announced for, in a phrase.
    pub best_for: String,
    /// A few sentences.
    pub description: String,
    /// What it is said to be weak at.
    #[serde(default)]
    pub limits: Vec<String>,
    /// What is claimed of it.
    #[serde(default)]
    pub claims: Vec<Claim>,
    /// What it costs, with the day on which that was so.
    #[serde(default)]
    pub prices: Vec<Price>,
    /// Reviews published elsewhere. They never enter a score.
    pub published: Option<PublishedPanel>,
    /// Other names by which people ask for it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Names on the Hugging Face hub, `organisation/name`; the first is the one meant by the id.
    #[serde(default)]
    pub hub: Vec<String>,
    /// `model_type` of its configuration.
    pub architecture: Option<String>,
    /// Whether its network is code in its maker's repository, which this program does not run.
    #[serde(default)]
    pub own_code: bool,
    /// Id of its licence in the catalogue.
    pub licence: Option<String>,
    /// The licence in the words of the announcement.
    pub licence_as_announced: Option<String>,
    /// Its files on this machine; in a user's cards only. A relative path starts at the card's folder.
    pub artifact: Option<PathBuf>,
    /// Whether it can be had.
    pub availability: Availability,
    /// Where the card's own facts come from, if not from the pages that announce it.
    pub source: Option<String>,
    /// Its published checkpoints, as far as their shapes are known; the first is the one meant by the id.
    #[serde(default)]
    pub shapes: Vec<Shape>,
    /// Ids of cards that it is compared with.
    #[serde(default)]
    pub rivals: Vec<String>,
    /// What people ask before they take it up.
    #[serde(default)]
    pub asks: Asks,
}

impl ModelCard {
    /// Its checkpoints' own names: those on the hub without their owners.
    pub fn checkpoints(&self) -> impl Iterator<Item = &str> {
        self.hub.iter().map(|hub| crate::names::without_owner(hub))
    }
}

/// What a model takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// Text only.
    Text,
    /// Text and pictures, perhaps video.
    VisionLanguage,
}

impl Category {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Category::Text => "text model",
            Category::VisionLanguage => "vision-language model",
        }
    }

    /// As it stands in addresses, and in the files of cards.
    pub fn id(self) -> &'static str {
        match self {
            Category::Text => "text",
            Category::VisionLanguage => "vision-language",
        }
    }
}

/// Whether a model can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// Anyone can fetch its files.
    Published,
    /// Its files are given out after a request or an agreement.
    Gated,
    /// Announced; no files are known here.
    Announced,
    /// Its files are part of the program.
    Embedded,
}

impl Availability {
    /// As a person reads it.
    pub fn words(self) -> &'static str {
        match self {
            Availability::Published => "published",
            Availability::Gated => "published behind a request",
            Availability::Announced => "announced; no files are known",
            Availability::Embedded => "part of the program",
        }
    }
}

/// Something said of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// What is claimed, in our words.
    pub text: String,
    /// Who claims it.
    pub source: String,
    /// What would have to be measured for it to hold.
    pub metric: Option<ClaimMetric>,
    /// Whether someone independent has confirmed it.
    pub verified: bool,
}

/// A claim as a bound on something that can be measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimMetric {
    /// Such as `mmlu`, `humaneval.pass@1` or `peak_memory`.
    pub name: String,
    /// The measured value is claimed to be this or more.
    pub at_least: Option<f64>,
    /// The measured value is claimed to be this or less.
    pub at_most: Option<f64>,
    /// Such as `bytes` or `%`.
    pub unit: Option<String>,
}

/// What something costs on a day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What is paid for: `weights`, or the name of a service.
    pub what: String,
    /// US dollars for a million tokens of prompt.
    pub usd_per_million_input: Option<f64>,
    /// US dollars for a million tokens of answer.
    pub usd_per_million_output: Option<f64>,
    /// As a person reads it: `free`.
    pub text: String,
    /// When that was so.
    pub date: Date,
}

/// Four reviews published elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedPanel {
    /// Where they stand.
    pub source: String,
    /// Builder, Skeptic, Futurist, Founder.
    pub reviewers: [PublishedReviewer; 4],
    /// `Ship`, `Mixed` or `Skip`.
    pub verdict: String,
    /// Per cent of reviewers that say ship.
    pub share: u8,
}

impl PublishedPanel {
    /// How its reviewers are divided: `2 ship / 2 skip`.
    pub fn split(&self) -> String {
        let ship = self.reviewers.iter().filter(|reviewer| reviewer.ship).count();
        format!("{ship} ship / {} skip", self.reviewers.len() - ship)
    }
}

/// One review published elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishedReviewer {
    /// Who reviews.
    pub name: String,
    /// Of 100, if it was printed.
    pub score: Option<u8>,
    /// Whether the reviewer would ship the model.
    pub ship: bool,
    /// What the reviewer argues, in our words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argued: Option<String>,
    /// What would check those of the arguments that can be checked: commands of this program, or names of metrics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
}

/// What people ask before they take a model up. Answers are announcements, not measurements.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Asks {
    /// Does it load in a standard stack?
    pub standard_stack: Answer,
    /// Does it run without a network?
    pub offline: Answer,
    /// Are quantised variants published?
    pub quantised: Answer,
    /// Can it be fine-tuned?
    pub fine_tunes: Answer,
    /// Is it published as GGUF, or exported to it?
    pub gguf: Answer,
    /// Is it published as ONNX, or exported to it?
    pub onnx: Answer,
    /// Is it published for MLX, or exported to it?
    pub mlx: Answer,
    /// Does it see pictures?
    pub images: Answer,
    /// Does it read documents?
    pub documents: Answer,
    /// Does it see video?
    pub video: Answer,
}

impl Asks {
    /// What it is said to be able to do, in the words that people search by.
    pub(crate) fn abilities(&self) -> impl Iterator<Item = &'static str> + use<> {
        let asked = [
            (self.images, "sees images and pictures"),
            (self.documents, "reads documents"),
            (self.video, "sees video"),
            (self.gguf, "gguf"),
            (self.onnx, "onnx"),
            (self.mlx, "mlx"),
            (self.fine_tunes, "can be fine-tuned"),
        ];
        asked.into_iter().filter(|(answer, _)| *answer == Answer::Yes).map(|(_, words)| words)
    }
}
