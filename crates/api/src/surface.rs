//! The APIs that are spoken here, and how each says what is wrong.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::LARGEST_REQUEST;
use crate::error::ApiError;

/// Paths beside `/v1/` that speak as OpenAI's do.
const BESIDE: [&str; 3] = ["/tokenize", "/detokenize", "/apply-template"];
/// Ollama's paths; others under `/api` are the pages'.
const OLLAMAS: [&str; 14] = [
    "/api/version",
    "/api/tags",
    "/api/ps",
    "/api/show",
    "/api/chat",
    "/api/generate",
    "/api/embed",
    "/api/embeddings",
    "/api/create",
    "/api/copy",
    "/api/delete",
    "/api/pull",
    "/api/push",
    "/api/blobs",
];

/// An API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// OpenAI's: chat, completions and responses.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Ollama's own.
    Ollama,
}

impl Surface {
    /// The one that a path belongs to, if any.
    pub fn of_path(path: &str) -> Option<Surface> {
        let is_at = |root: &str| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_at("/v1/messages") {
            Some(Surface::Anthropic)
        } else if path.starts_with("/v1/") || BESIDE.contains(&path) {
            Some(Surface::OpenAi)
        } else {
            OLLAMAS.iter().any(|root| is_at(root)).then_some(Surface::Ollama)
        }
    }

    /// The body of an answer that says what is wrong.
    pub fn error(self, error: &ApiError) -> Value {
        let ApiError { status, message, param, code, .. } = error;
        let kind = self.kind(*status);
        match self {
            Surface::OpenAi => {
                json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
            }
            Surface::Anthropic => {
                let error = json!({ "type": kind, "message": named(error) });
                json!({ "type": "error", "error": error, "request_id": null })
            }
            Surface::Ollama => json!({ "error": named(error) }),
        }
    }

    fn kind(self, status: StatusCode) -> &'static str {
        match (status, self) {
            (StatusCode::UNAUTHORIZED, _) => "authentication_error",
            (StatusCode::FORBIDDEN, _) => "permission_error",
            (StatusCode::TOO_MANY_REQUESTS, _) => "rate_limit_error",
            (StatusCode::NOT_FOUND, Surface::Anthropic) => "not_found_error",
            (StatusCode::PAYLOAD_TOO_LARGE, Surface::Anthropic) => "request_too_large",
            (StatusCode::SERVICE_UNAVAILABLE, Surface::Anthropic) => "overloaded_error",
            (status, Surface::Anthropic) if status.is_server_error() => "api_error",
            (status, _) if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }
}

/// What is wrong, with the field that is meant where the shape has no place of its own for it.
fn named(error: &ApiError) -> String {
    match &error.param {
        Some(param) if !error.message.contains(&format!("`{param}`")) => format!("{param}: {}", error.message),
        _ => error.message.clone(),
    }
}

/// Has every refusal speak as the path's API does: those of handlers, and what was refused before one saw it.
pub async fn in_shape(request: Request, next: Next) -> Response {
    let surface = Surface::of_path(request.uri().path()).unwrap_or(Surface::OpenAi);
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let error = response.extensions().get::<ApiError>().cloned();
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    match error {
        Some(error) => shaped(surface, &error),
        None if is_json => response,
        None => shaped(surface, &unread(status)),
    }
}

/// The answer that says what is wrong.
pub fn shaped(surface: Surface, error: &ApiError) -> Response {
    let mut response = (error.status, axum::Json(surface.error(error))).into_response();
    if let Some(seconds) = error.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn unread(status: StatusCode) -> ApiError {
    let message = match status {
        StatusCode::PAYLOAD_TOO_LARGE => {
            format!("a request may have {} MiB, and this one has more", LARGEST_REQUEST >> 20)
        }
        status => format!("the request could not be read: {status}"),
    };
    ApiError::new(status, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_api_says_what_is_wrong_in_its_own_shape() {
        for (path, surface) in [
            ("/v1/chat/completions", Some(Surface::OpenAi)),
            ("/v1/messages", Some(Surface::Anthropic)),
            ("/v1/messages/count_tokens", Some(Surface::Anthropic)),
            ("/v1/messagesx", Some(Surface::OpenAi)),
            ("/api/blobs/sha256:1", Some(Surface::Ollama)),
            ("/api/v1/models", None),
            ("/api/chatter", None),
        ] {
            assert_eq!(Surface::of_path(path), surface, "{path}");
        }
        let error = ApiError::bad("top_k", "has to be a number");
        let message = "top_k: has to be a number";
        let anthropics = json!({ "type": "invalid_request_error", "message": message });
        assert_eq!(Surface::Anthropic.error(&error)["error"], anthropics);
        assert_eq!(Surface::Ollama.error(&error), json!({ "error": message }));
        assert_eq!(Surface::OpenAi.error(&error)["error"]["param"], json!("top_k"));
        let error = ApiError::bad("top_k", "`top_k` is 1");
        assert_eq!(Surface::Ollama.error(&error), json!({ "error": "`top_k` is 1" }));
    }
}
