//! A server of small models for tests: the demo model with its own template, and with others that know tools or thinking.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use plimsoll_api::{Models, Served, WorkerOptions, routes};
use plimsoll_engine::{Session, SessionOptions};
use plimsoll_models::Checkpoint;
use serde_json::Value;
use tower::ServiceExt;

/// What every template here begins with: the demo model's own, which knows no tools.
const OWN: &str = include_str!("../../../../../demo/large/chat_template.jinja");

fn served(demo: &str, template: Option<String>) -> Served {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo").join(demo);
    let mut checkpoint = Checkpoint::open(&folder).unwrap();
    if let Some(template) = template {
        checkpoint.chat_template.as_mut().unwrap().default = Some(template);
    }
    let session = Session::open(&checkpoint, &SessionOptions::default()).unwrap();
    Served::start(&checkpoint, session, WorkerOptions::default()).unwrap()
}

static SERVER: LazyLock<Router> = LazyLock::new(|| {
    let calls = "{% if tools %}{% for t in tools %}{{ t.function.name }};{% endfor %}<tool_call>{% endif %}{% for m in \
                 messages %}{% for c in m.tool_calls or [] %}{{ c.function.arguments.x }}!{% endfor %}{% endfor %}";
    let switched = "{% if not enable_thinking %}<think></think>{% endif %}";
    // Each language is known by what its template writes.
    let writing = |mark: &str| Some(format!("{calls}{{% set mark = '{mark}' %}}{OWN}").replace("<tool_call>", ""));
    let mut models = Models::default();
    for (name, demo, template) in [
        ("plain", "large", None),
        ("vision", "vision", None),
        ("tools", "large", Some(format!("{calls}{OWN}"))),
        ("thinking", "large", Some(format!("{{% set end = '</think>' %}}{OWN}<think>\n"))),
        ("switched", "large", Some(format!("{OWN}{switched}"))),
        ("bare", "large", writing("<|python_tag|>")),
        ("pythonic", "large", writing("<|python_start|>")),
        ("enclosed", "large", writing("<|tool_call_start|>")),
        ("functions", "large", Some(format!("{calls}{{% set mark = '<function=' %}}{OWN}"))),
        ("keyed", "large", Some(format!("{calls}{{% set mark = '<arg_key>' %}}{OWN}"))),
        ("braced", "large", writing("<|tool_call>")),
        ("announced", "large", writing("[TOOL_CALLS]")),
        ("functools", "large", writing("functools[")),
    ] {
        models.add(name, served(demo, template)).unwrap();
    }
    models.alias("gpt-4o-mini", "plain").unwrap();
    routes(Arc::new(models))
});

/// The status and the text of an answer.
pub async fn sent(method: &str, path: &str, body: String) -> (StatusCode, String) {
    let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
    let response = SERVER.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

/// The same of a body that is JSON, as the answer is.
pub async fn post(path: &str, body: Value) -> (StatusCode, Value) {
    let (status, text) = sent("POST", path, body.to_string()).await;
    (status, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// An answer that is none of a refusal.
pub async fn answered(path: &str, body: Value) -> Value {
    let (status, answer) = post(path, body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer
}

/// What a refusal says, in any of the shapes.
pub async fn refused(path: &str, body: Value) -> String {
    let (status, answer) = post(path, body.clone()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
    let error = &answer["error"];
    error["message"].as_str().or(error.as_str()).unwrap().to_owned()
}

/// The events of a stream that have names, with these.
pub async fn events(path: &str, body: Value) -> Vec<(String, Value)> {
    let (status, text) = sent("POST", path, body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let event = |event: &str| {
        let (name, data) = event.split_once('\n').unwrap();
        let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        (name.strip_prefix("event: ").unwrap().to_owned(), data)
    };
    text.split_terminator("\n\n").map(event).collect()
}
