//! Models that share memory: who is not asked for makes room, who answers does not.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use plimsoll_api::{Models, Offer, OfferError, Served, WorkerOptions, routes};
use plimsoll_engine::{Session, SessionOptions};
use plimsoll_models::Checkpoint;
use serde_json::{Value, json};
use tower::ServiceExt;

/// How often the models of a test were loaded.
type Loads = Arc<AtomicUsize>;

/// A model of 10 bytes, as it says.
fn offer(loads: &Loads) -> Offer {
    let open = || Checkpoint::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small")).unwrap();
    let loads = Arc::clone(loads);
    Offer::new(&open(), 256, 10, move || {
        loads.fetch_add(1, Ordering::SeqCst);
        let checkpoint = open();
        let session = Session::open(&checkpoint, &SessionOptions::default()).map_err(|error| error.to_string())?;
        Served::start(&checkpoint, session, WorkerOptions::default()).map_err(|error| error.to_string())
    })
}

fn server(memory: u64, keep: Option<Duration>) -> (Arc<Models>, Router, Loads) {
    let loads = Loads::default();
    let mut models = Models::within(Some(memory), keep);
    for name in ["a", "b", "c"] {
        models.offer(name, offer(&loads)).unwrap();
    }
    let models = Arc::new(models);
    (Arc::clone(&models), routes(models), loads)
}

async fn asked(server: &Router, path: &str, body: Option<Value>) -> (u16, Value) {
    let request = match body {
        Some(body) => Request::post(path).body(Body::from(body.to_string())),
        None => Request::get(path).body(Body::empty()),
    };
    let response = server.clone().oneshot(request.unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into_owned().into()))
}

async fn chat(server: &Router, model: &str, tokens: usize) -> Value {
    let messages = json!([{"role": "user", "content": "What is 12 + 7?"}]);
    let bias = json!({"0": -100, "1": -100, "2": -100});
    let body =
        json!({"model": model, "messages": messages, "temperature": 0, "max_tokens": tokens, "logit_bias": bias});
    let (status, answer) = asked(server, "/v1/chat/completions", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer["choices"].clone()
}

async fn loaded(server: &Router) -> Vec<String> {
    let (_, told) = asked(server, "/api/ps", None).await;
    told["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_not_asked_for_longest_makes_room() {
    let (models, server, loads) = server(20, None);
    models.load_what_fits(["a", "b", "c"].into_iter()).unwrap();
    assert_eq!(loaded(&server).await, ["a", "b"], "c does not fit beside them");
    let before = chat(&server, "a", 8).await;
    chat(&server, "c", 8).await;
    assert_eq!(loaded(&server).await, ["a", "c"]);
    chat(&server, "b", 8).await;
    assert_eq!((loaded(&server).await, loads.load(Ordering::SeqCst)), (vec!["b".to_owned(), "c".to_owned()], 4));
    assert_eq!(chat(&server, "a", 8).await, before, "loaded again it says the same");
    // All of them are served, loaded or not.
    let (_, listed) = asked(&server, "/v1/models", None).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_is_waited_for() {
    let (models, server, _) = server(10, None);
    let alone = chat(&server, "a", 100).await;
    let (first, second) = tokio::join!(chat(&server, "a", 100), async {
        while models.answering() == 0 {
            tokio::task::yield_now().await;
        }
        chat(&server, "b", 8).await
    });
    assert_eq!(first, alone, "nobody is cut off for another");
    assert_eq!((second.as_array().unwrap().len(), loaded(&server).await), (1, vec!["b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_kept_as_long_as_it_is_said() {
    let (models, server, _) = server(100, Some(Duration::from_secs(3600)));
    let tending = Arc::clone(&models);
    tokio::spawn(async move { tending.tend().await });
    chat(&server, "a", 4).await;
    let body = json!({"model": "b", "prompt": "Hi", "stream": false, "keep_alive": 0});
    assert_eq!(asked(&server, "/api/generate", Some(body)).await.0, 200);
    while loaded(&server).await != ["a"] {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let odd = json!({"model": "b", "prompt": "Hi", "keep_alive": "soon"});
    let (status, error) = asked(&server, "/api/generate", Some(odd)).await;
    assert!(status == 400 && error["error"].as_str().unwrap().contains("`soon` is no duration"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_fits_and_what_cannot_be_loaded_is_told() {
    let loads = Loads::default();
    let mut models = Models::within(Some(9), None);
    assert!(matches!(models.offer("a", offer(&loads)), Err(OfferError::TooLarge { bytes: 10, memory: 9, .. })));
    let small = Checkpoint::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/small")).unwrap();
    models.offer("gone", Offer::new(&small, 256, 1, || Err("its file is gone".to_owned()))).unwrap();
    assert!(models.load_what_fits(["gone"].into_iter()).unwrap_err().to_string().contains("its file is gone"));
    let (status, error) = asked(
        &routes(Arc::new(models)),
        "/v1/chat/completions",
        Some(json!({"model": "gone", "messages": [{"role": "user", "content": "Hi"}]})),
    )
    .await;
    assert_eq!((status, &error["error"]["message"]), (500, &json!("`gone`: its file is gone")));
}
