//! Why a request was not answered.

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use plimsoll_engine::{SamplerError, SessionError, TemplateError};
use plimsoll_grammar::ConstraintError;
use serde_json::Value;

use crate::surface::{Surface, shaped};

/// Why a request was not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong, for a person.
    pub message: String,
    /// The field of the request that is meant.
    pub param: Option<String>,
    /// OpenAI's name for the kind, where there is one.
    pub code: Option<&'static str>,
    /// Seconds after which it is worth another try.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An answer of this status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError { status, message: message.into(), param: None, code: None, retry_after: None }
    }

    /// The request cannot be honoured as it stands.
    pub fn bad(param: impl Into<String>, message: impl Into<String>) -> ApiError {
        ApiError { param: Some(param.into()), ..ApiError::new(StatusCode::BAD_REQUEST, message) }
    }

    /// The body is not what it has to be.
    pub fn body(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, message)
    }

    /// The context does not hold the prompt.
    pub fn too_long(message: impl Into<String>) -> ApiError {
        ApiError { code: Some("context_length_exceeded"), ..ApiError::bad("messages", message) }
    }

    /// No model has this name; `served` are those that have.
    pub fn no_model(name: &str, served: &[&str]) -> ApiError {
        let served = match served {
            [] => "none is served: start with `plimsoll serve MODEL`".to_owned(),
            served => format!("served are {}", served.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")),
        };
        ApiError {
            param: Some("model".to_owned()),
            code: Some("model_not_found"),
            ..ApiError::new(StatusCode::NOT_FOUND, format!("there is no model `{name}` here; {served}"))
        }
    }

    /// As many wait as may.
    pub fn queue_full(waiting: usize, retry_after: u64) -> ApiError {
        let message = format!("{waiting} requests wait already; try again in about {retry_after} s");
        ApiError {
            code: Some("rate_limit_exceeded"),
            retry_after: Some(retry_after),
            ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, message)
        }
    }

    /// Models that are answering leave no memory for the one that was asked for.
    pub fn no_room() -> ApiError {
        let message = "other models are answering, and leave no memory for this one; try again later";
        ApiError { retry_after: Some(30), ..ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message) }
    }

    /// The server is ending, or the model's thread has.
    pub fn gone() -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the model is not answering any more: the server is ending")
    }

    /// A fault of the model or of the program.
    pub fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The same of a request that calls a field otherwise than chat does: what stands in `from` there is in `to`.
    pub fn renamed(mut self, from: &str, to: &str) -> ApiError {
        if self.param.as_deref() == Some(from) {
            self.param = Some(to.to_owned());
        }
        self
    }

    /// The body of the answer, as OpenAI has it.
    pub fn to_json(&self) -> Value {
        Surface::OpenAi.error(self)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = shaped(Surface::OpenAi, &self);
        // For who knows which API was asked.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> ApiError {
        let message = error.to_string();
        match error {
            SessionError::PromptTooLong { .. }
            | SessionError::PromptFillsLength { .. }
            | SessionError::ImageTooLong { .. } => ApiError::too_long(message),
            SessionError::EmptyPrompt
            | SessionError::NoTemplate { .. }
            | SessionError::Vision(_)
            | SessionError::Tokenizer(_) => ApiError::bad("messages", message),
            SessionError::Template(error) => error.into(),
            SessionError::Sampler(SamplerError::Parameter { name, .. }) => ApiError::bad(name, message),
            SessionError::Sampler(SamplerError::UnknownToken { .. } | SamplerError::NothingLeft) => {
                ApiError::bad("logit_bias", message)
            }
            // What is asked takes more work than is done for it, which shows only while it is written.
            SessionError::Constraint(ConstraintError::Stuck(_)) => ApiError::body(message),
            _ => ApiError::internal(message),
        }
    }
}

impl From<ConstraintError> for ApiError {
    fn from(error: ConstraintError) -> ApiError {
        ApiError::internal(error.to_string())
    }
}

impl From<TemplateError> for ApiError {
    fn from(error: TemplateError) -> ApiError {
        ApiError::bad("messages", error.to_string())
    }
}

/// For `POST /v1/embeddings`.
pub async fn no_embeddings() -> ApiError {
    ApiError::bad("model", "no model that is served makes embeddings: they write text")
}

/// For what is not there.
pub async fn no_such_path(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no `{method} {}` here", uri.path()))
}

/// For what is there and is asked in another way.
pub async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` does not take {method}", uri.path()))
}
