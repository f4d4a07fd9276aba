//! What is known of a model by its name in addresses, and of a pair of them.

use plimsoll_catalog::{Catalog, DeclaredUse, ModelCard, Purpose, region_code};
use plimsoll_lab::record::{Comparison, Measurement, Side};
use plimsoll_panel::judge::{Background, Demand, Review, Rival, Seen, Subject, review};
use plimsoll_panel::store::{Listed, Store};
use plimsoll_panel::{Report, slug};
use serde::Deserialize;

use crate::app::App;
use crate::error::Problem;

/// A declared use as it stands in an address.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct UseQuery {
    #[serde(rename = "use")]
    purpose: Option<String>,
    users: Option<String>,
    region: Option<String>,
}

impl UseQuery {
    /// The use; commercial where none is named, for it has the most conditions.
    ///
    /// # Errors
    /// [`Problem::Bad`] for what is no purpose, number or region.
    pub fn declared(&self) -> Result<DeclaredUse, Problem> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let purpose = match given(&self.purpose).as_deref() {
            Some("research") => Purpose::Research,
            Some("internal") => Purpose::Internal,
            Some("commercial") | None => Purpose::Commercial,
            Some(other) => {
                return Err(Problem::Bad(format!("`{other}` is no use; expected research, internal or commercial")));
            }
        };
        let number = |text: String| text.parse().map_err(|_| Problem::Bad(format!("`{text}` is no number of users")));
        let place = |text: String| {
            let about = format!("`{text}` is no region; expected two letters, such as DE, or EU");
            region_code(&text).ok_or(Problem::Bad(about))
        };
        Ok(DeclaredUse {
            purpose,
            users: given(&self.users).map(number).transpose()?,
            region: given(&self.region).map(place).transpose()?,
        })
    }
}

/// A model that a page is about.
pub struct Known {
    /// In addresses.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the catalogue and its files say.
    pub background: Background,
    /// The latest comparison that it was in, and as which of the two.
    pub seen: Option<(Listed, Comparison, Side)>,
}

/// The card whose name in addresses is `id`.
pub fn card<'a>(catalog: &'a Catalog, id: &str) -> Option<&'a ModelCard> {
    catalog.cards().find(|card| slug(&card.id) == id)
}

impl Known {
    /// The model called `id` in addresses.
    ///
    /// # Errors
    /// [`Problem::NotFound`] where neither catalogue nor store has it, or the store's failure.
    pub fn find(app: &App, store: &Store, id: &str) -> Result<Known, Problem> {
        let card = card(&app.catalog, id);
        let latest = store.comparisons_with(id, 1)?.into_iter().next();
        let Some(listed) = latest else {
            let card = card.ok_or_else(|| Problem::NotFound(format!("no model is called `{id}` here")))?;
            let terms = app.catalog.terms(&[], &[], Some(card));
            let rivals = Rival::of(&app.catalog, Some(card));
            let background = Background { terms, card: Some(card.clone()), further: Vec::new(), rivals };
            return Ok(Known { id: id.to_owned(), name: card.name.clone(), background, seen: None });
        };
        let comparison = store.comparison(&listed.comparison)?;
        let side = if listed.a == id { Side::A } else { Side::B };
        let facts = &comparison.models[side.index()].facts;
        let background = Background::of(&app.catalog, facts, card, store.measurements_of(&facts.sha256)?);
        let name = card.map_or_else(|| facts.name.clone(), |card| card.name.clone());
        Ok(Known { id: id.to_owned(), name, background, seen: Some((listed, comparison, side)) })
    }

    /// Everything measured of it.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let seen = self.seen.iter().flat_map(|(_, comparison, side)| comparison.models[side.index()].measurements());
        self.background.further.iter().chain(seen).collect()
    }

    /// What the panel says of it.
    pub fn review(&self, app: &App, usage: &DeclaredUse) -> Review {
        let demand = Demand::from(usage.clone());
        let seen = self.seen.as_ref().map(|(_, comparison, side)| Seen {
            model: &comparison.models[side.index()],
            device: &comparison.device,
            suite: &comparison.suite,
        });
        let Background { terms, card, further, rivals } = &self.background;
        let fidelity = self
            .seen
            .as_ref()
            .and_then(|(_, comparison, side)| comparison.fidelity.as_ref().and_then(|found| found.of_derived(*side)));
        let subject =
            Subject { seen, further, fidelity, card: card.as_ref(), rivals, ..Subject::of(&self.name, terms, &demand) };
        review(&subject, &app.rubric)
    }
}

/// The two ids of `a-vs-b`.
///
/// # Errors
/// [`Problem::NotFound`] for what is no pair.
pub fn pair(text: &str) -> Result<[&str; 2], Problem> {
    let ids = text.split_once("-vs-").filter(|(a, b)| [a, b].iter().all(|id| !id.is_empty() && slug(id) == **id));
    let (a, b) = ids.ok_or_else(|| Problem::NotFound(format!("`{text}` names no two models")))?;
    if a == b {
        return Err(Problem::Bad("a model is compared with another one".to_owned()));
    }
    Ok([a, b])
}

/// The name under which votes on a pair are kept, whichever comes first in the address.
pub fn ballot_page(ids: [&str; 2]) -> String {
    let [a, b] = ids;
    if a <= b { format!("{a}-vs-{b}") } else { format!("{b}-vs-{a}") }
}

/// The latest report of a pair, judged anew for `usage`.
///
/// # Errors
/// When the store fails or the evidence was changed.
pub fn report(app: &App, store: &Store, ids: [&str; 2], usage: &DeclaredUse) -> Result<Option<Report>, Problem> {
    let Some(listed) = store.latest_of(ids[0], ids[1])? else { return Ok(None) };
    let comparison = store.comparison(&listed.comparison)?;
    judged(app, store, &listed, comparison, usage).map(Some)
}

/// A comparison of the store with what the panel says of it for `usage`.
///
/// # Errors
/// When the store fails or the evidence was changed.
pub fn judged(
    app: &App,
    store: &Store,
    listed: &Listed,
    comparison: Comparison,
    usage: &DeclaredUse,
) -> Result<Report, Problem> {
    let known = |side: usize, id: &str| -> Result<Background, Problem> {
        let facts = &comparison.models[side].facts;
        let further = store.measurements_of(&facts.sha256)?;
        Ok(Background::of(&app.catalog, facts, card(&app.catalog, id), further))
    };
    let background = [known(0, &listed.a)?, known(1, &listed.b)?];
    Ok(Report::judged(comparison, background, &usage.clone().into(), &app.rubric))
}
