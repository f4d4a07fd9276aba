//! The page of one model.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use plimsoll_catalog::ModelCard;
use plimsoll_panel::judge::Wish;
use plimsoll_panel::pages::{Checkpoint, DemandQuery, ModelPage};
use plimsoll_panel::predicted::{CONTEXT, asked, name, runner_words};
use plimsoll_panel::slug;

use super::catalogue::choices;
use super::{HISTORY, form, is_bookmarked, moved};
use crate::app::App;
use crate::contenders::{Known, meant};
use crate::device::Device;
use crate::error::Problem;
use crate::query::{Fields, Named};
use crate::reader::Reader;

/// Comparisons whose models stand first among those to compare with.
const LATEST: usize = 50;

/// `/model/ID`, and `/model/NAME` by any other name of it.
pub async fn model(
    State(app): State<Arc<App>>,
    reader: Reader,
    Named(called): Named<String>,
    Fields(query): Fields<DemandQuery>,
) -> Result<Response, Problem> {
    app.with_store(move |app, store| {
        let id = meant(app, store, &called).map_err(|why| why.asking(&query))?;
        let path = format!("/model/{id}");
        if id != called {
            return Ok(moved(&path, &query).into_response());
        }
        let device = Device::of(app, &query.device)?;
        let demand = query.demand_or(device.target().workload()).map_err(Problem::Bad)?;
        let known = Known::find(app, store, &id)?;
        let key = reader.key(store)?;
        let bookmarked = is_bookmarked(store, &key, &path)?;
        let card = known.background.card.as_ref();
        let rivals = card.iter().flat_map(|card| &card.rivals).map(|rival| slug(rival)).collect();
        let page = ModelPage {
            chrome: reader.chrome(&path, bookmarked),
            review: &known.judged_for(app, &demand, &device)?,
            id: known.id.clone(),
            name: known.name.clone(),
            card,
            terms: &known.background.terms,
            demand: &demand,
            form: form(app, &query),
            device: device.words(),
            pending: device.pending(),
            checkpoints: checkpoints(app, card, &device)?,
            from: known.seen.as_ref().map(|(listed, ..)| listed.comparison.clone()),
            comparisons: &store.comparisons_with(&id, HISTORY)?,
            history: &store.history(Some(&id), HISTORY)?,
            measured: known.measurements(),
            choices: choices(app, &store.comparisons(LATEST)?),
            rivals,
        };
        Ok(reader.page(page.html()))
    })
    .await
}

/// What is predicted of each published checkpoint of a model.
fn checkpoints(app: &App, card: Option<&ModelCard>, device: &Device) -> Result<Vec<Checkpoint>, Problem> {
    let of = |card: &ModelCard| {
        let one = |shape| {
            let asked = asked(shape, CONTEXT, Wish::default().pictures);
            let all = app.costs.predicted(card, shape, device.place(), device.room(), asked);
            let predicted = all.map_err(|error| Problem::Internal(error.to_string()))?;
            let runner = predicted.first().and_then(|one| runner_words(card, one, device.profile()));
            Ok(Checkpoint::of(name(card, shape), shape, asked.pictures, predicted, runner))
        };
        card.shapes.iter().map(one).collect::<Result<Vec<Checkpoint>, Problem>>()
    };
    card.map_or_else(|| Ok(Vec::new()), of)
}
