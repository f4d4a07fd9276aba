//! Models behind the HTTP APIs that OpenAI, Anthropic and Ollama published, for any client of them.
//!
//! A [`Served`] is a model with a thread of its own, which answers several requests at once: each gets, to the last bit,
//! what it would get alone. [`routes`] are the paths under `/v1`, beside it and under `/api`; a [`Surface`] is whose they
//! are. Each API reads its fields into one `Conversation`, and tells the answer in its own shape. Every field of a request is
//! honoured, or accepted because it asks for nothing, or refused by name; nothing of a prompt is cut.
//!
//! The crate knows nothing of pages, or of who may come in.
#![forbid(unsafe_code)]

mod anthropic;
mod calls;
mod chat;
mod completions;
mod conversation;
mod error;
mod eyes;
mod facts;
mod fields;
mod generation;
mod identity;
mod lengths;
#[cfg(test)]
mod made_up;
mod measures;
mod models;
mod ollama;
mod openai;
mod pictures;
mod responses;
mod served;
mod stream;
mod surface;
mod tokens;
mod worker;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::routing::{get, post};

pub use error::ApiError;
pub use measures::HISTOGRAMS;
pub use models::{Keep, Models, NamesClash, Offer, OfferError, parse_keep};
pub use served::Served;
pub use surface::{Surface, shaped};
pub use worker::WorkerOptions;

/// Bytes that a request may have: pictures are in it.
const LARGEST_REQUEST: usize = 64 << 20;

/// The paths of the API.
pub fn routes(models: Arc<Models>) -> Router {
    Router::new()
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/completions", post(completions::complete))
        .route("/v1/responses", post(responses::complete))
        .route("/v1/embeddings", post(error::no_embeddings))
        .route("/v1/messages", post(anthropic::complete))
        .route("/v1/messages/count_tokens", post(anthropic::count_tokens))
        .merge(ollama::routes())
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/apply-template", post(tokens::apply_template))
        .route("/v1/{*path}", axum::routing::any(error::no_such_path))
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(LARGEST_REQUEST))
        .layer(from_fn(surface::in_shape))
        .with_state(models)
}
