//! The demo model with other templates, asked over HTTP's types.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use plimsoll_api::{Models, Served, WorkerOptions, routes};
use plimsoll_engine::{Session, SessionOptions};
use plimsoll_models::Checkpoint;
use serde_json::Value;
use tower::ServiceExt;

/// What every template here begins with: the demo model's own, which knows no tools.
const OWN: &str = include_str!("../../../../demo/large/chat_template.jinja");

pub const CHAT: &str = "/v1/chat/completions";

/// A server of models by name, each with what stands before and behind its own template.
pub struct Exchanged(Router);

impl Exchanged {
    pub fn new(templates: &[(&str, &str, &str)]) -> Exchanged {
        let mut models = Models::default();
        for (name, before, after) in templates {
            models.add(name, served(before, after)).unwrap();
        }
        Exchanged(routes(Arc::new(models)))
    }
}

fn served(before: &str, after: &str) -> Served {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/large");
    let mut checkpoint = Checkpoint::open(&folder).unwrap();
    let template = checkpoint.chat_template.as_mut().unwrap();
    template.default = Some(format!("{before}{OWN}{after}"));
    Served::start(Session::open(&checkpoint, &SessionOptions::default()).unwrap(), WorkerOptions::default()).unwrap()
}

pub async fn post(server: &Exchanged, path: &str, body: &Value) -> (StatusCode, String) {
    let request = Request::builder().method("POST").uri(path).body(Body::from(body.to_string())).unwrap();
    let response = server.0.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

pub async fn answered(server: &Exchanged, path: &str, body: Value) -> Value {
    let (status, text) = post(server, path, &body).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}
