//! The same as JSON, for programs: `/api/v1/…`, described at `/api/openapi.json`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use plimsoll_catalog::gate;
use plimsoll_panel::digest::{digest_since, week_ago};
use plimsoll_panel::slug;
use serde_json::{Value, json};
use utoipa::OpenApi;

use crate::app::App;
use crate::contenders::{Known, UseQuery, pair, report};
use crate::error::Problem;

/// Comparisons in a list.
const LISTED: usize = 1000;

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Plimsoll",
        description = "Measurements of open-weight models on this machine, and what a panel makes of them. The forms of records are those of `plimsoll … --json`."
    ),
    paths(models, model, comparisons, compare, record, digest)
)]
struct Description;

/// An answer, or what went wrong as JSON.
pub struct Answer(Result<Value, Problem>);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(value) => Json(value).into_response(),
            Err(problem) => problem.json(),
        }
    }
}

/// `/api/openapi.json`
pub async fn openapi() -> Response {
    Json(Description::openapi()).into_response()
}

/// Every model of the catalogue with its licence gate and last verdict.
#[utoipa::path(get, path = "/api/v1/models", params(
    ("use" = Option<String>, Query, description = "research, internal or commercial (the default)"),
    ("users" = Option<u64>, Query, description = "monthly users"),
    ("region" = Option<String>, Query, description = "two letters, or EU"),
), responses((status = 200, description = "A list of objects with `id`, `card`, `gate` and `verdict`", body = Vec<Object>)))]
pub async fn models(State(app): State<Arc<App>>, Query(usage): Query<UseQuery>) -> Answer {
    let usage = match usage.declared() {
        Ok(usage) => usage,
        Err(problem) => return Answer(Err(problem)),
    };
    let found = app.with_store(move |app, store| {
        let mut all = Vec::new();
        for card in app.catalog.cards() {
            let (id, terms) = (slug(&card.id), app.catalog.terms(&[], &[], Some(card)));
            let verdict = store.history(Some(&id), 1)?.into_iter().next();
            all.push(json!({ "id": id, "card": card, "gate": gate(&terms, &usage), "verdict": verdict }));
        }
        Ok(Value::from(all))
    });
    Answer(found.await)
}

/// One model: its card, its licence, what the panel says, and the comparisons that it was in.
#[utoipa::path(get, path = "/api/v1/models/{id}", params(("id" = String, Path, description = "as in addresses")),
    responses((status = 200, description = "The model", body = Object), (status = 404, description = "No such model")))]
pub async fn model(State(app): State<Arc<App>>, Path(id): Path<String>, Query(usage): Query<UseQuery>) -> Answer {
    let found = app.with_store(move |app, store| {
        let usage = usage.declared()?;
        let known = Known::find(app, store, &id)?;
        Ok(json!({
            "id": id, "name": known.name, "card": known.background.card, "terms": known.background.terms,
            "review": known.review(app, &usage), "comparisons": store.comparisons_with(&id, LISTED)?,
            "history": store.history(Some(&id), LISTED)?,
        }))
    });
    Answer(found.await)
}

/// Comparisons of this store, the latest first.
#[utoipa::path(get, path = "/api/v1/comparisons",
    responses((status = 200, description = "Ids, models and times", body = Vec<Object>)))]
pub async fn comparisons(State(app): State<Arc<App>>) -> Answer {
    Answer(app.with_store(|_, store| Ok(json!(store.comparisons(LISTED)?))).await)
}

/// The latest comparison of two models with everything measured and what the panel says. Votes are left out until one
/// has voted, on the page.
#[utoipa::path(get, path = "/api/v1/compare/{pair}", params(("pair" = String, Path, description = "`a-vs-b`")),
    responses((status = 200, description = "The report, as `plimsoll compare --json` prints it", body = Object),
        (status = 404, description = "Never compared here"), (status = 409, description = "Evidence was changed")))]
pub async fn compare(State(app): State<Arc<App>>, Path(text): Path<String>, Query(usage): Query<UseQuery>) -> Answer {
    let found = app.with_store(move |app, store| {
        let (ids, usage) = (pair(&text)?, usage.declared()?);
        let report = report(app, store, ids, &usage)?;
        let nothing = || Problem::NotFound(format!("`{text}` was never compared here"));
        serde_json::to_value(report.ok_or_else(nothing)?).map_err(|error| Problem::Internal(error.to_string()))
    });
    Answer(found.await)
}

/// Any record by its id, checked against its hash: a measurement with its samples, a run, a comparison, a review.
#[utoipa::path(get, path = "/api/v1/records/{id}", params(("id" = String, Path, description = "a hash")),
    responses((status = 200, description = "The record", body = Object), (status = 404, description = "No such record"),
        (status = 409, description = "It was changed")))]
pub async fn record(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let found = app.with_store(move |_, store| {
        let record = store.record(&id)?.ok_or_else(|| Problem::NotFound(format!("no record {id} is in this store")))?;
        Ok(json!({
            "id": record.id, "kind": record.kind.as_str(), "created": record.created, "withdrawn": record.withdrawn,
            "body": record.body,
        }))
    });
    Answer(found.await)
}

/// Verdicts that changed within a week.
#[utoipa::path(get, path = "/api/v1/digest", responses((status = 200, description = "The latest `changes`, and how many there are in `total`", body = Object)))]
pub async fn digest(State(app): State<Arc<App>>) -> Answer {
    Answer(app.with_store(|_, store| Ok(json!(digest_since(store, &week_ago())?))).await)
}
