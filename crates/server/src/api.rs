//! The same as JSON, for programs: `/api/v1/…`, described at `/api/openapi.json`. What is answered is a type, and the
//! description is made of the types.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use plimsoll_catalog::{Gate, ModelCard, Terms};
use plimsoll_lab::predict::before::{Floats, Prediction};
use plimsoll_panel::digest::{Digest, digest_since, week_ago};
use plimsoll_panel::judge::{AtLeast, Review, Verdict, Wish};
use plimsoll_panel::pages::{DemandQuery, Entry};
use plimsoll_panel::predicted::{CONTEXT, asked, name};
use plimsoll_panel::store::{Judged, Listed};
use plimsoll_panel::{Report, Sealed};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::afloat::Against;
use crate::app::App;
use crate::contenders::{Known, Pair, meant, report};
use crate::device::Device;
use crate::error::Problem;
use crate::query::{Fields, Named};

/// Comparisons in a list.
const LISTED: usize = 1000;

/// An answer as JSON, or what went wrong, which [`crate::guard`] turns into JSON.
pub struct Answer<T>(Result<T, Problem>);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(value) => Json(value).into_response(),
            Err(problem) => problem.into_response(),
        }
    }
}

/// What went wrong.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Error {
    /// In words.
    pub error: String,
}

/// A model of the catalogue held against a device.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Model {
    /// In addresses.
    pub id: String,
    /// What is announced of it.
    pub card: ModelCard,
    /// What its licence says to the use asked for.
    pub gate: Gate,
    /// What is predicted of the way to store it that suits the device; none where its shape is not published.
    pub predicted: Option<Prediction>,
    /// What its weights take at least, where no more than its parameters is announced.
    pub at_least: Option<AtLeast>,
    /// How memory and needs stand.
    pub floats: Option<Floats>,
    /// What the panel says by what is predicted.
    pub foreseen: Verdict,
    /// The last verdict on it here.
    pub verdict: Option<Judged>,
}

/// One model with everything that is known of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct OneModel {
    /// In addresses.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What is announced of it; none of a model that was only measured.
    pub card: Option<ModelCard>,
    /// What its licence says.
    pub terms: Terms,
    /// What the panel says of it for the use asked for.
    pub review: Review,
    /// What is predicted of each published checkpoint.
    pub predicted: Vec<Predicted>,
    /// Comparisons that it was in, the latest first.
    pub comparisons: Vec<Listed>,
    /// Verdicts on it, the latest first.
    pub history: Vec<Judged>,
}

/// What is predicted of one published checkpoint.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Predicted {
    /// What it is called beside others of its card.
    pub checkpoint: String,
    /// Each way to store it, the most precise first.
    pub quantisations: Vec<Prediction>,
}

/// A record of the evidence store.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Kept {
    /// Its hash.
    pub id: String,
    /// What it is: `measurement`, `comparison`, `review`.
    pub kind: String,
    /// When it came into this store, RFC 3339 in UTC.
    pub created: String,
    /// Why it was withdrawn, if it was.
    pub withdrawn: Option<String>,
    /// What it says; its form depends on its kind.
    pub body: Value,
}

/// `/api/v1/models`
pub async fn models(State(app): State<Arc<App>>, Fields(query): Fields<DemandQuery>) -> Answer<Vec<Model>> {
    let found = app.with_store(move |app, store| {
        let device = Device::of(app, &query.device)?;
        let demand = query.demand_or(device.target().workload()).map_err(Problem::Bad)?;
        let against = Against { demand: &demand, device: &device, stored: None };
        let one = |card| {
            let entry = against.entry(app, store, card)?;
            let verdict = store.history(Some(&entry.id), 1)?.into_iter().next();
            let Entry { id, gate, predicted, at_least, foreseen, floats, .. } = entry;
            Ok(Model { id, card: card.clone(), gate, predicted, at_least, floats, foreseen, verdict })
        };
        app.catalog.cards().map(one).collect::<Result<Vec<Model>, Problem>>()
    });
    Answer(found.await)
}

/// `/api/v1/models/ID`
pub async fn model(
    State(app): State<Arc<App>>,
    Named(called): Named<String>,
    Fields(query): Fields<DemandQuery>,
) -> Answer<OneModel> {
    let found = app.with_store(move |app, store| {
        let device = Device::of(app, &query.device)?;
        let demand = query.demand_or(device.target().workload()).map_err(Problem::Bad)?;
        let known = Known::find(app, store, &meant(app, store, &called)?)?;
        let review = known.judged_for(app, &demand, &device)?;
        let (comparisons, history) =
            (store.comparisons_with(&known.id, LISTED)?, store.history(Some(&known.id), LISTED)?);
        let Known { id, name: known_as, background, .. } = known;
        let mut predicted = Vec::new();
        for (card, shape) in background.card.iter().flat_map(|card| card.shapes.iter().map(move |shape| (card, shape)))
        {
            let asked = asked(shape, CONTEXT, Wish::default().pictures);
            let all = app.costs.predicted(card, shape, device.place(), device.room(), asked);
            let quantisations = all.map_err(|error| Problem::Internal(error.to_string()))?;
            predicted.push(Predicted { checkpoint: name(card, shape), quantisations });
        }
        let (card, terms) = (background.card, background.terms);
        Ok(OneModel { id, name: known_as, card, terms, review, predicted, comparisons, history })
    });
    Answer(found.await)
}

/// `/api/v1/comparisons`
pub async fn comparisons(State(app): State<Arc<App>>) -> Answer<Vec<Listed>> {
    Answer(app.with_store(|_, store| Ok(store.comparisons(LISTED)?)).await)
}

/// `/api/v1/compare/A-vs-B`. Votes are left out until one has voted, on the page.
pub async fn compare(
    State(app): State<Arc<App>>,
    Named(text): Named<String>,
    Fields(query): Fields<DemandQuery>,
) -> Answer<Sealed<Report>> {
    let found = app.with_store(move |app, store| {
        let demand = query.demand().map_err(Problem::Bad)?;
        let pair = Pair::meant(app, store, &text)?;
        let never = || Problem::NotFound(format!("`{}` was never compared here", pair.name()));
        report(app, store, &pair, &demand)?.map(Sealed::new).ok_or_else(never)
    });
    Answer(found.await)
}

/// `/api/v1/records/ID`
pub async fn record(State(app): State<Arc<App>>, Named(id): Named<String>) -> Answer<Kept> {
    let found = app.with_store(move |_, store| {
        let record = store.record(&id)?.ok_or_else(|| Problem::NotFound(format!("no record {id} is in this store")))?;
        let kind = record.kind.as_str().to_owned();
        Ok(Kept { id: record.id, kind, created: record.created, withdrawn: record.withdrawn, body: record.body })
    });
    Answer(found.await)
}

/// `/api/v1/digest`
pub async fn digest(State(app): State<Arc<App>>) -> Answer<Digest> {
    Answer(app.with_store(|_, store| Ok(digest_since(store, &week_ago())?)).await)
}
