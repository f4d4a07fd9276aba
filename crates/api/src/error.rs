//! Errors in the shape of OpenAI's.

use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use plimsoll_engine::{SamplerError, SessionError, TemplateError};
use plimsoll_grammar::ConstraintError;
use serde_json::{Value, json};

use crate::LARGEST_REQUEST;

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
    fn new(status: StatusCode, message: impl Into<String>) -> ApiError {
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

    /// The server is ending, or the model's thread has.
    pub fn gone() -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "the model is not answering any more: the server is ending")
    }

    /// A fault of the model or of the program.
    pub fn internal(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The same of a request that has a text where a chat has messages.
    pub fn of_prompt(mut self) -> ApiError {
        if self.param.as_deref() == Some("messages") {
            self.param = Some("prompt".to_owned());
        }
        self
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Value {
        openai_error(self.status, &self.message, self.param.as_deref(), self.code)
    }
}

/// The body of an error as OpenAI's API has it.
pub fn openai_error(status: StatusCode, message: &str, param: Option<&str>, code: Option<&str>) -> Value {
    let kind = match status {
        StatusCode::UNAUTHORIZED => "authentication_error",
        StatusCode::FORBIDDEN => "permission_error",
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.to_json())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> ApiError {
        let message = error.to_string();
        match error {
            SessionError::PromptTooLong { .. }
            | SessionError::PromptFillsLength { .. }
            | SessionError::ImageTooLong { .. } => {
                ApiError { code: Some("context_length_exceeded"), ..ApiError::bad("messages", message) }
            }
            SessionError::EmptyPrompt
            | SessionError::NoTemplate { .. }
            | SessionError::Vision(_)
            | SessionError::Tokenizer(_) => ApiError::bad("messages", message),
            SessionError::Template(error) => error.into(),
            SessionError::Sampler(SamplerError::Parameter { name, .. }) => ApiError::bad(name, message),
            SessionError::Sampler(SamplerError::UnknownToken { .. } | SamplerError::NothingLeft) => {
                ApiError::bad("logit_bias", message)
            }
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

/// What was refused before a handler saw it, in the shape of what handlers refuse.
pub async fn in_shape(response: Response) -> Response {
    let status = response.status();
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_json || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            format!("a request may have {} MiB, and this one has more", LARGEST_REQUEST >> 20)
        }
        status => format!("the request could not be read: {status}"),
    };
    ApiError::new(status, message).into_response()
}

/// For what is not there.
pub async fn no_such_path(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, format!("there is no `{method} {}` here", uri.path()))
}

/// For what is there and is asked in another way.
pub async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` does not take {method}", uri.path()))
}
