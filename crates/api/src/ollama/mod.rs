//! Ollama's API, under `/api`: conversations, texts and what is served, in lines of JSON.

mod answer;
mod chat;
mod generate;
mod models;
mod options;

use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::models::{Entry, Models, parse_keep};
use crate::served::Served;

/// The version of Ollama whose API is spoken, by which clients tell what they may ask for.
const VERSION: &str = "0.13.0";

/// Its paths.
pub fn routes() -> Router<Arc<Models>> {
    let mut routes = Router::new()
        .route("/api/version", get(models::version))
        .route("/api/tags", get(models::tags))
        .route("/api/ps", get(models::loaded))
        .route("/api/show", post(models::show))
        .route("/api/chat", post(chat::complete))
        .route("/api/generate", post(generate::complete))
        .route("/api/blobs/{*digest}", any(not_offered));
    for path in ["embed", "embeddings", "create", "copy", "delete", "pull", "push"] {
        routes = routes.route(&format!("/api/{path}"), any(not_offered));
    }
    routes
}

/// What is for changing which models there are, or asks for what none does.
async fn not_offered(uri: Uri) -> ApiError {
    let why = match uri.path() {
        "/api/embed" | "/api/embeddings" => "no model that is served makes embeddings",
        _ => "which models are served is said where the server is started: `plimsoll serve MODEL`",
    };
    ApiError::new(StatusCode::NOT_IMPLEMENTED, format!("`{}` is not offered here: {why}", uri.path()))
}

/// A model that is asked for by its name.
struct Asked<'m> {
    name: &'m str,
    entry: &'m Entry,
    served: Arc<Served>,
}

/// The model of a request; `:latest` at the end of a name says no more than the name.
async fn find<'m>(models: &'m Models, name: &str) -> Result<Asked<'m>, ApiError> {
    let plain = name.strip_suffix(":latest").filter(|plain| models.entry(plain).is_ok());
    let (own, served) = models.find(plain.filter(|_| models.entry(name).is_err()).unwrap_or(name)).await?;
    Ok(Asked { name: own, entry: models.entry(own)?.1, served })
}

/// Takes the fields that chat and generate share and that say nothing of the answer.
fn take_common(fields: &mut Fields, entry: &Entry) -> Result<(), ApiError> {
    let keep = match fields.take::<Value>("keep_alive")? {
        None => None,
        Some(Value::String(text)) => Some(parse_keep(&text)),
        Some(number) => Some(parse_keep(&number.to_string())),
    };
    if let Some(keep) = keep {
        entry.set_keep(keep.map_err(|what| ApiError::bad("keep_alive", what))?);
    }
    for name in ["truncate", "shift"] {
        fields.accept_only(name, &[json!(false)])?;
    }
    Ok(())
}

/// The field that says whether the answer is sent in pieces, which it is where nothing is said.
fn take_stream(fields: &mut Fields) -> Result<bool, ApiError> {
    Ok(fields.take("stream")?.unwrap_or(true))
}

/// Whether tokens are told with their likelihoods, and with as many alternatives.
fn take_likelihoods(fields: &mut Fields) -> Result<Option<usize>, ApiError> {
    /// Alternatives that a token can be shown with.
    const MOST: usize = 20;
    let alternatives: Option<usize> = fields.take("top_logprobs")?;
    let told = fields.take("logprobs")?.unwrap_or(false);
    match alternatives {
        Some(n) if n > MOST || !told => {
            let what = format!("`top_logprobs` is {n}, expected 0 to {MOST}, with `logprobs: true`");
            Err(ApiError::bad("top_logprobs", what))
        }
        alternatives => Ok(told.then_some(alternatives.unwrap_or(0))),
    }
}

/// Pictures in base64, as `images` has them.
fn pictures(images: Vec<Value>, place: &str) -> Result<Vec<crate::pictures::Sent>, ApiError> {
    let picture = |(at, image): (usize, Value)| {
        let place = format!("{place}[{at}]");
        match image.as_str() {
            Some(image) => crate::pictures::in_base64(image, &place),
            None => Err(ApiError::bad(place, "a picture has to be a text in base64")),
        }
    };
    images.into_iter().enumerate().map(picture).collect()
}
