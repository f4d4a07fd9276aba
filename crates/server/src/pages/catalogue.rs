//! The first page.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use plimsoll_catalog::{Category, ModelCard};
use plimsoll_lab::predict::before::Floats;
use plimsoll_lab::predict::mix::Quantisation;
use plimsoll_panel::pages::{CataloguePage, Choices, DemandQuery, Entry, Filters, Sorted};
use plimsoll_panel::slug;
use plimsoll_panel::store::Listed;
use serde::Deserialize;

use super::form;
use crate::afloat::{Against, is_allowed, quantisation};
use crate::app::App;
use crate::device::Device;
use crate::error::Problem;
use crate::query::Fields;
use crate::reader::Reader;

/// Comparisons on the first page.
const LATEST: usize = 12;

/// What the catalogue is searched for, how it is filtered and sorted, besides what is demanded.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Search {
    q: String,
    category: String,
    allowed: String,
    floats: String,
    stored: String,
    sort: String,
}

impl Search {
    fn filters(&self) -> Result<Filters<'_>, Problem> {
        let category = match self.category.as_str() {
            "" => None,
            "text" => Some(Category::Text),
            "vision-language" => Some(Category::VisionLanguage),
            other => {
                return Err(Problem::Bad(format!("`{other}` is no category; expected text or vision-language")));
            }
        };
        let sorted = match self.sort.as_str() {
            "" => Sorted::default(),
            name => Sorted::named(name).ok_or_else(|| {
                let known: Vec<&str> = Sorted::ALL.iter().map(|(_, name, _)| *name).collect();
                Problem::Bad(format!("`{name}` is nothing to sort by; expected one of {}", known.join(", ")))
            })?,
        };
        quantisation(&self.stored)?;
        Ok(Filters {
            query: &self.q,
            category,
            only_allowed: yes("allowed", &self.allowed)?,
            only_floating: yes("floats", &self.floats)?,
            stored: &self.stored,
            sorted,
        })
    }
}

/// A field that holds `yes` or nothing.
fn yes(field: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "" => Ok(false),
        "yes" => Ok(true),
        other => Err(Problem::Bad(format!("`{field}` is `{other}`; expected yes or nothing"))),
    }
}

/// `/`
pub async fn catalogue(
    State(app): State<Arc<App>>,
    reader: Reader,
    Fields(search): Fields<Search>,
    Fields(query): Fields<DemandQuery>,
) -> Result<Response, Problem> {
    app.with_store(move |app, store| {
        let (filters, device) = (search.filters()?, Device::of(app, &query.device)?);
        let demand = query.demand_or(device.target().workload()).map_err(Problem::Bad)?;
        let against = Against { demand: &demand, device: &device, stored: quantisation(filters.stored)? };
        let cards = app.catalog.cards();
        let mut all: Vec<Entry<'_>> = cards.map(|card| against.entry(app, store, card)).collect::<Result<_, _>>()?;
        let latest = store.comparisons(LATEST)?;
        Sorted::Panel.sort(&mut all);
        let (choices, known) = (choices(app, &latest), all.len());
        let order: Vec<String> = all.iter().map(|entry| entry.id.clone()).collect();
        let found: Vec<&str> = app.catalog.search(filters.query).into_iter().map(|card| card.id.as_str()).collect();
        all.retain(|entry| {
            found.contains(&entry.card.id.as_str())
                && filters.category.is_none_or(|category| entry.card.category == category)
                && (!filters.only_allowed || is_allowed(&entry.gate))
                && (!filters.only_floating || matches!(entry.floats, Some(Floats::Yes | Floats::Perhaps)))
        });
        let start = start(all.iter().map(|entry| &entry.id).chain(&order));
        filters.sorted.sort(&mut all);
        let page = CataloguePage {
            chrome: reader.chrome("/", false),
            filters,
            demand: &demand,
            form: form(app, &query),
            device_name: device.target().name,
            device: device.words(),
            pending: device.pending(),
            stores: Quantisation::ALL.iter().map(ToString::to_string).collect(),
            entries: all,
            known,
            latest: &latest,
            choices,
            start,
        };
        Ok(reader.page(page.html()))
    })
    .await
}

/// Models to choose from: those of the latest comparisons first, then the catalogue by category.
pub(super) fn choices(app: &App, latest: &[Listed]) -> Choices {
    let mut measured: Vec<(String, String)> = Vec::new();
    for id in latest.iter().flat_map(|listed| [&listed.a, &listed.b]) {
        if measured.iter().all(|(known, _)| known != id) {
            let name = crate::contenders::card(&app.catalog, id).map_or_else(|| id.clone(), |card| card.name.clone());
            measured.push((id.clone(), name));
        }
    }
    let of = |category: Category| {
        let cards = app.catalog.cards().filter(|card| card.category == category);
        let named = |card: &ModelCard| (slug(&card.id), card.name.clone());
        let mut all: Vec<(String, String)> = cards.map(named).filter(|one| !measured.contains(one)).collect();
        all.sort_by_key(|(_, name)| name.to_lowercase());
        all
    };
    let (text, vision) = (of(Category::Text), of(Category::VisionLanguage));
    let groups = [("Measured here", measured), ("Text models", text), ("Vision-language models", vision)];
    groups.into_iter().filter(|(_, models)| !models.is_empty()).collect()
}

/// The two best of the list, and of the whole catalogue where the list has fewer.
fn start<'a>(mut best_first: impl Iterator<Item = &'a String>) -> [String; 2] {
    let first = best_first.next().cloned().unwrap_or_default();
    let second = best_first.find(|id| **id != first).cloned().unwrap_or_default();
    [first, second]
}
