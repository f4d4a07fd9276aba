//! What is known of a model by its name in addresses, and of a pair of them.

use plimsoll_catalog::{Catalog, ModelCard, nearest, of_address};
use plimsoll_lab::record::{Comparison, Measurement, Side};
use plimsoll_panel::judge::{Background, Demand, MeasuredModel, Question, Review, Rival, Subject, Wish, review};
use plimsoll_panel::store::{Listed, Store};
use plimsoll_panel::{Report, slug};

use crate::app::App;
use crate::device::Device;
use crate::error::{Near, Problem};

/// A model that a page is about.
pub struct Known {
    pub id: String,
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

/// The name in addresses of the model that somebody calls `name`: its id, an alias, its name or its address on the hub.
///
/// # Errors
/// [`Problem::Unknown`], with the name that was most likely meant, or the store's failure.
pub fn meant(app: &App, store: &Store, name: &str) -> Result<String, Problem> {
    let is_known = |id: &str| -> Result<bool, Problem> {
        Ok(!id.is_empty() && (card(&app.catalog, id).is_some() || !store.comparisons_with(id, 1)?.is_empty()))
    };
    if is_known(name)? {
        return Ok(name.to_owned());
    }
    if let Some(card) = app.catalog.resolve(of_address(name)) {
        return Ok(slug(&card.id));
    }
    let spelt = slug(name);
    if is_known(&spelt)? {
        return Ok(spelt);
    }
    let cards = app.catalog.cards();
    let known = cards.flat_map(|card| [&card.id, &card.name].into_iter().chain(&card.aliases).chain(&card.hub));
    let near = nearest(name, known.map(String::as_str)).and_then(|near| {
        let card = app.catalog.resolve(of_address(near)).or_else(|| card(&app.catalog, &slug(near)))?;
        let id = slug(&card.id);
        Some(Near { address: format!("/model/{id}"), id, name: near.to_owned() })
    });
    Err(Problem::Unknown { name: name.to_owned(), near })
}

/// Two models in the one order that pages of pairs have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair([String; 2]);

impl Pair {
    /// The two that stand in an address as `a-vs-b`, by whatever names.
    ///
    /// # Errors
    /// [`Problem::NotFound`] for what is no pair or nobody knows; [`Problem::Bad`] for one model twice.
    pub fn meant(app: &App, store: &Store, text: &str) -> Result<Pair, Problem> {
        let names = text.split_once("-vs-").filter(|(a, b)| !a.is_empty() && !b.is_empty());
        let (a, b) = names.ok_or_else(|| Problem::NotFound(format!("`{text}` names no two models")))?;
        Pair::called(app, store, a, b)
    }

    /// The two that are called so, by whatever names. Where a name is misspelt the page that was most likely wanted is that
    /// of the pair.
    ///
    /// # Errors
    /// As [`Pair::meant`]; a name that nothing is like is told before one that something is.
    pub fn called(app: &App, store: &Store, a: &str, b: &str) -> Result<Pair, Problem> {
        let (mut wrong, mut ids) = (Vec::new(), Vec::new());
        for called in [a, b] {
            match meant(app, store, called) {
                Ok(id) => ids.push(id),
                Err(Problem::Unknown { name, near: Some(near) }) => {
                    ids.push(near.id.clone());
                    wrong.push((name, near));
                }
                Err(problem) => return Err(problem),
            }
        }
        let pair = Pair::of(ids.swap_remove(0), ids.swap_remove(0));
        if wrong.is_empty() {
            return pair;
        }
        let said = |of: fn(&(String, Near)) -> &str, joint| wrong.iter().map(of).collect::<Vec<_>>().join(joint);
        let (name, spelt) = (said(|(name, _)| name, "` or `"), said(|(_, near)| &near.name, " vs "));
        let (_, near) = wrong.swap_remove(0);
        // Two names that are like one model's leave no pair: its own page is nearest.
        let address = pair.map_or(near.address, |pair| format!("/compare/{}", pair.name()));
        Err(Problem::Unknown { name, near: Some(Near { id: near.id, name: spelt, address }) })
    }

    /// The pair of two names in addresses.
    ///
    /// # Errors
    /// [`Problem::Bad`] where both are one.
    pub fn of(a: String, b: String) -> Result<Pair, Problem> {
        match a.cmp(&b) {
            std::cmp::Ordering::Equal => {
                Err(Problem::Bad(format!("`{a}` is compared with another model, not with itself")))
            }
            std::cmp::Ordering::Less => Ok(Pair([a, b])),
            std::cmp::Ordering::Greater => Ok(Pair([b, a])),
        }
    }

    /// The pair that a bookmark's address names, if its names are such as addresses have; whether there are such models is
    /// not looked up.
    pub fn spelt(text: &str) -> Option<Pair> {
        let (a, b) =
            text.split_once("-vs-").filter(|(a, b)| [a, b].iter().all(|id| !id.is_empty() && slug(id) == **id))?;
        Pair::of(a.to_owned(), b.to_owned()).ok()
    }

    pub fn ids(&self) -> [&str; 2] {
        [&self.0[0], &self.0[1]]
    }

    /// As it stands in addresses, and as votes are kept under: `a-vs-b`.
    pub fn name(&self) -> String {
        format!("{}-vs-{}", self.0[0], self.0[1])
    }
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

    /// What the panel says of it: of what was measured, else of what is predicted for `device`.
    ///
    /// # Errors
    /// The card's shape makes no network.
    pub fn judged_for(&self, app: &App, demand: &Demand, device: &Device) -> Result<Review, Problem> {
        let Some(card) = self.background.card.as_ref().filter(|_| self.seen.is_none()) else {
            return Ok(self.review(app, demand));
        };
        let question =
            Question { target: device.target(), wish: Wish::default(), demand, rubric: &app.rubric, costs: &app.costs };
        let foreseen = question.of(&app.catalog, card, card.shapes.first());
        Ok(foreseen.map_err(|error| Problem::Internal(error.to_string()))?.review)
    }

    /// What the panel says of what was measured.
    pub fn review(&self, app: &App, demand: &Demand) -> Review {
        let seen = self.seen.as_ref().map(|(_, comparison, side)| MeasuredModel {
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
            Subject { seen, further, fidelity, card: card.as_ref(), rivals, ..Subject::of(&self.name, terms, demand) };
        review(&subject, &app.rubric)
    }
}

/// The latest report of a pair, judged anew for `demand`.
///
/// # Errors
/// When the store fails or the evidence was changed.
pub fn report(app: &App, store: &Store, pair: &Pair, demand: &Demand) -> Result<Option<Report>, Problem> {
    let [a, b] = pair.ids();
    let Some(listed) = store.latest_of(a, b)? else { return Ok(None) };
    let comparison = store.comparison(&listed.comparison)?;
    judged(app, store, &listed, comparison, demand).map(Some)
}

/// A comparison of the store with what the panel says of it for `demand`.
///
/// # Errors
/// When the store fails or the evidence was changed.
pub fn judged(
    app: &App,
    store: &Store,
    listed: &Listed,
    comparison: Comparison,
    demand: &Demand,
) -> Result<Report, Problem> {
    let known = |side: usize, id: &str| -> Result<Background, Problem> {
        let facts = &comparison.models[side].facts;
        let further = store.measurements_of(&facts.sha256)?;
        Ok(Background::of(&app.catalog, facts, card(&app.catalog, id), further))
    };
    let background = [known(0, &listed.a)?, known(1, &listed.b)?];
    Ok(Report::judged(comparison, background, demand, &app.rubric))
}
