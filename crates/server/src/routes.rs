//! Which path is answered by what.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::error::Problem;
use crate::fresh::validated;
use crate::guard::guard;
use crate::{api, assets, forms, openapi, pages, subscribe};

/// Bytes that a form may have.
const FORM: usize = 16 << 10;

/// All routes behind the guard. Answers are compressed: why a page's secrets cannot be read off their length stands in
/// [`crate::mask`].
pub fn routes(app: Arc<App>) -> Router {
    let models = Arc::clone(&app.models);
    let api = Router::new()
        .route("/openapi.json", get(openapi::openapi))
        .route("/v1/models", get(api::models))
        .route("/v1/models/{*id}", get(api::model))
        .route("/v1/comparisons", get(api::comparisons))
        .route("/v1/compare/{*pair}", get(api::compare))
        .route("/v1/records/{id}", get(api::record))
        .route("/v1/digest", get(api::digest))
        .fallback(|| async { Problem::NotFound("no such path; see /api/openapi.json".to_owned()) })
        .method_not_allowed_fallback(|| async { Problem::Method });
    Router::new()
        .route("/", get(pages::catalogue))
        .route("/model/{*id}", get(pages::model))
        .route("/compare", get(pages::compare_form).post(forms::compare))
        .route("/compare/{*pair}", get(pages::compare))
        .route("/report/{pair}/{form}", get(pages::download))
        .route("/run/{id}", get(pages::run))
        .route("/job/{id}", get(pages::job))
        .route("/job/{id}/events", get(forms::events))
        .route("/chat", get(pages::chat))
        .route("/digest", get(pages::digest))
        .route("/digest.atom", get(pages::feed))
        .route("/digest/subscribe", post(subscribe::subscribe))
        .route("/digest/confirm", get(subscribe::confirm_page).post(subscribe::confirm))
        .route("/digest/leave", get(subscribe::leave_page).post(subscribe::leave))
        .route("/bookmarks", get(pages::bookmarks))
        .route("/vote", post(forms::vote))
        .route("/bookmark", post(forms::bookmark))
        .route("/assets/{name}", get(assets::asset))
        .route("/healthz", get(live))
        .route("/health", get(live))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .nest("/api", api)
        .fallback(|| async { Problem::NotFound("there is no such page".to_owned()) })
        .method_not_allowed_fallback(|| async { Problem::Method })
        .layer(DefaultBodyLimit::max(FORM))
        .layer(from_fn(validated))
        .layer(CompressionLayer::new())
        .with_state(Arc::clone(&app))
        .merge(plimsoll_api::routes(models))
        .layer(from_fn_with_state(app, guard))
}

async fn live() -> &'static str {
    "ok\n"
}

/// Models are loaded before the address is taken: who hears anything hears a server that is ready, until it ends.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.is_ending.load(Ordering::SeqCst) {
        true => (StatusCode::SERVICE_UNAVAILABLE, "ending\n").into_response(),
        false => "ok\n".into_response(),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.models.publish();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.meter.render()).into_response()
}
