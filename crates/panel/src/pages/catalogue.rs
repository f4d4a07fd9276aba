//! Every model that is known, measured or not.

use askama::Template;
use plimsoll_catalog::{Category, DeclaredUse, Gate, ModelCard};

use super::Chrome;
use crate::store::Listed;

/// A model in the catalogue.
pub struct Entry<'a> {
    /// In addresses.
    pub id: String,
    /// Its card.
    pub card: &'a ModelCard,
    /// What its licence says to the use asked for.
    pub gate: Gate,
    /// The last verdict here, if it was measured.
    pub verdict: Option<String>,
}

impl Entry<'_> {
    fn gate_words(&self) -> String {
        self.gate.summary()
    }
}

/// The first page.
#[derive(Template)]
#[template(path = "catalogue.html")]
pub struct CataloguePage<'a> {
    /// What stands around it.
    pub chrome: Chrome<'a>,
    /// What was searched for.
    pub query: &'a str,
    /// The category asked for.
    pub category: Option<Category>,
    /// The use that licences are held against.
    pub usage: &'a DeclaredUse,
    /// Whether only models with a passing licence are shown.
    pub only_allowed: bool,
    /// What was found.
    pub entries: Vec<Entry<'a>>,
    /// The latest comparisons.
    pub latest: &'a [Listed],
    /// Ids of all models, for the form that compares two.
    pub ids: Vec<String>,
}

impl CataloguePage<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        self.render().expect("writing to a string cannot fail")
    }

    fn title(&self) -> &'static str {
        "Which open-weight model should I ship?"
    }

    fn description(&self) -> &'static str {
        "Open-weight models on this machine: what was measured of each, what four reviewers say, and whether its licence \
         allows your use."
    }

    fn is(&self, purpose: &str) -> bool {
        self.usage.purpose.to_string() == purpose
    }

    fn users(&self) -> String {
        self.usage.users.map_or(String::new(), |users| users.to_string())
    }

    fn region(&self) -> &str {
        self.usage.region.as_deref().unwrap_or_default()
    }
}
