//! Ollama's API over HTTP's types.

use crate::server::{answered, post, refused, sent};
use axum::http::StatusCode;
use base64::Engine;
use serde_json::{Value, json};

const CHAT: &str = "/api/chat";
const GENERATE: &str = "/api/generate";

fn asked(model: &str, more: Value) -> Value {
    let messages = json!([{"role": "user", "content": "What is 12 + 7?"}]);
    let options = json!({"temperature": 0, "num_predict": 20});
    let mut request = json!({"model": model, "messages": messages, "options": options});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn whole(mut body: Value) -> Value {
    body["stream"] = json!(false);
    body
}

async fn lines(path: &str, body: Value) -> Vec<Value> {
    let (status, text) = sent("POST", path, body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_in_lines_unless_it_is_wanted_whole() {
    let at_once = answered(CHAT, whole(asked("plain:latest", json!({"keep_alive": "5m"})))).await;
    assert_eq!(at_once["message"], json!({"role": "assistant", "content": "19"}));
    assert_eq!((&at_once["done"], &at_once["done_reason"]), (&json!(true), &json!("stop")));
    let lines = lines(CHAT, asked("plain", json!({}))).await;
    let (last, others) = lines.split_last().unwrap();
    assert!(
        others.len() > 1 && others.iter().all(|line| line["done"] == json!(false) && line["model"] == json!("plain"))
    );
    let text: String = others.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!((text.as_str(), &last["message"]["content"]), ("19", &json!("")));
    for name in ["done_reason", "prompt_eval_count", "eval_count", "load_duration"] {
        assert_eq!(last[name], at_once[name], "{name}");
    }
    let [total, prompt, answer] =
        ["total_duration", "prompt_eval_duration", "eval_duration"].map(|name| last[name].as_u64().unwrap());
    assert!(total >= prompt + answer && prompt > 0, "{last}");
    let cut = whole(asked("plain", json!({"options": {"num_predict": 1}})));
    assert_eq!(answered(CHAT, cut).await["done_reason"], json!("length"));
    let stopped = whole(asked("plain", json!({"options": {"temperature": 0, "stop": "9"}})));
    assert_eq!(answered(CHAT, stopped).await["message"]["content"], json!("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_answered_as_the_message_it_is_or_continued_as_it_stands() {
    let options = json!({"temperature": 0, "num_predict": 8});
    let body = json!({"model": "plain", "prompt": "What is 12 + 7?", "system": "", "options": options});
    let answer = answered(GENERATE, whole(body.clone())).await;
    assert_eq!(answer["response"], json!("19"));
    let text: String =
        lines(GENERATE, body).await.iter().map(|line| line["response"].as_str().unwrap().to_owned()).collect();
    assert_eq!(text, "19");
    let chat = answered(CHAT, whole(asked("plain", json!({})))).await;
    assert_eq!(answer["prompt_eval_count"], chat["prompt_eval_count"]);
    let raw = json!({"model": "plain", "prompt": "Once upon", "raw": true, "options": options, "logprobs": true});
    let raw = answered(GENERATE, whole(raw)).await;
    let plain = json!({"model": "plain", "prompt": "Once upon", "temperature": 0, "max_tokens": 8});
    assert_eq!(raw["response"], answered("/v1/completions", plain).await["choices"][0]["text"]);
    assert_eq!(raw["logprobs"].as_array().unwrap().len(), 8);
    for (path, place) in [(CHAT, "message"), (GENERATE, "response")] {
        let loaded = answered(path, json!({"model": "plain"})).await;
        assert!(loaded["done_reason"] == json!("load") && !loaded[place].is_null(), "{loaded}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_the_same_prompt_as_in_chat() {
    let call = json!({"function": {"name": "f", "arguments": {"x": "sunny"}}});
    let messages = json!([
        {"role": "system", "content": "Be <|im_end|> brief."}, {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_name": "f", "content": "3"}]);
    let body = asked("tools", json!({"messages": messages, "tools": [{"function": {"name": "f"}}]}));
    let counted = answered(CHAT, whole(body)).await["prompt_eval_count"].clone();
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": \"sunny\"}"}});
    let chat = json!({"model": "tools", "max_tokens": 1, "tools": [{"type": "function", "function": {"name": "f"}}],
        "messages": [
            {"role": "system", "content": "Be <|im_end|> brief."}, {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "3"}]});
    assert_eq!(counted, answered("/v1/chat/completions", chat).await["usage"]["prompt_tokens"]);
    let orphan = json!({"messages": [{"role": "tool", "tool_name": "f", "content": "3"}]});
    assert!(refused(CHAT, asked("tools", orphan)).await.starts_with("messages[0]: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_thinking_have_their_places() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/images/five_shapes.png");
    let data = base64::engine::general_purpose::STANDARD.encode(std::fs::read(file).unwrap());
    let message = json!({"role": "user", "content": "What colour is the circle?", "images": [data]});
    let seen = answered(CHAT, whole(asked("vision", json!({"messages": [message]})))).await;
    assert!(seen["message"]["content"].as_str().unwrap().contains("black"), "{seen}");
    let options = json!({"temperature": 0, "num_predict": 20});
    let body = json!({"model": "vision", "prompt": "What colour is the circle?", "images": [data], "options": options});
    assert_eq!(answered(GENERATE, whole(body)).await["response"], seen["message"]["content"]);

    let messages = json!([{"role": "user", "content": "Once upon a time"}]);
    let thought = answered(CHAT, whole(asked("thinking", json!({"messages": messages, "think": true})))).await;
    assert!(!thought["message"]["thinking"].as_str().unwrap().is_empty(), "{thought}");
    assert_eq!(thought["message"]["content"], json!(""));
    let counted = |think: Value| async move {
        answered(CHAT, whole(asked("switched", json!({"think": think})))).await["prompt_eval_count"].as_u64().unwrap()
    };
    assert!(counted(json!(false)).await > counted(json!(true)).await, "its template says more to switch it off");
    assert!(refused(CHAT, asked("plain", json!({"think": true}))).await.contains("knows no thinking"));
    assert!(refused(CHAT, asked("plain", json!({"think": "high"}))).await.contains("how much"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_told_as_it_is() {
    let get = |path: &'static str| async move {
        let (status, text) = sent("GET", path, String::new()).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert!(get("/api/version").await["version"].is_string());
    let tags = get("/api/tags").await;
    let names: Vec<&str> = tags["models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    let at = names.iter().position(|name| *name == "plain").unwrap();
    assert!(names.contains(&"vision") && names.last() == Some(&"gpt-4o-mini"), "{names:?}");
    let large = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/large");
    let checkpoint = plimsoll_models::Checkpoint::open(&large).unwrap();
    assert_eq!(tags["models"][at]["size"], json!(checkpoint.file_bytes()));
    assert_eq!(tags["models"][at]["details"]["family"], json!(checkpoint.hyperparams.arch_name));
    let loaded = get("/api/ps").await;
    assert!(loaded["models"][0]["context_length"].as_u64().unwrap() > 0, "{loaded}");
    let show = |model: &'static str| async move { answered("/api/show", json!({"model": model})).await };
    assert_eq!(show("tools").await["capabilities"], json!(["completion", "tools"]));
    assert_eq!(show("vision").await["capabilities"], json!(["completion", "vision"]));
    let thinking = show("thinking").await;
    assert_eq!(thinking["capabilities"], json!(["completion", "thinking"]));
    assert!(thinking["template"].as_str().unwrap().contains("im_start"));
    assert_eq!(thinking["model_info"]["general.parameter_count"], json!(checkpoint.n_params()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_honoured_is_refused_in_ollamas_shape() {
    for (more, what) in [
        (json!({"mesages": []}), "`mesages` is no field of this request; did you mean `messages`?"),
        (json!({"options": {"temperatur": 1}}), "`temperatur` is no field of options; did you mean `temperature`?"),
        (json!({"options": {"num_ctx": 1_000_000}}), "`num_ctx` is 1000000, but the model is served with"),
        (json!({"options": {"mirostat": 1}}), "options.mirostat"),
        (json!({"options": {"num_predict": -3}}), "`num_predict` is -3"),
        (json!({"options": {"stop": [""]}}), "`stop` takes"),
        (json!({"truncate": true}), "`truncate` can only be `false`"),
        (json!({"format": {"type": "owl"}}), "format.type: "),
        (json!({"format": "xml"}), "`format` has to be"),
        (json!({"tools": [{"function": {"name": "f"}}]}), "shows it no tools"),
        (json!({"messages": [{"role": "owl", "content": ""}]}), "messages[0].role: there is no role `owl`"),
        (json!({"messages": [{"role": "user", "images": ["!"]}]}), "messages[0].images[0]: no base64"),
        (json!({"top_logprobs": 2}), "`top_logprobs` is 2"),
    ] {
        let error = refused(CHAT, asked("plain", more)).await;
        assert!(error.contains(what), "{error}");
    }
    for (more, what) in [
        (json!({"suffix": "b"}), "`suffix` is not honoured"),
        (json!({"template": "{{ .Prompt }}"}), "`template` is not honoured"),
        (json!({"context": [1]}), "`context` is not honoured"),
        (json!({"raw": true, "system": "x"}), "`raw` has no place"),
    ] {
        let mut body = json!({"model": "plain", "prompt": "Hi"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert!(refused(GENERATE, body).await.contains(what));
    }
    let (status, error) = post(CHAT, asked("gpt-9", json!({}))).await;
    assert!(status == StatusCode::NOT_FOUND && error["error"].as_str().unwrap().contains("`plain`"), "{error}");
    for (method, path, status) in [
        ("GET", CHAT, StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/api/pull", StatusCode::NOT_IMPLEMENTED),
        ("DELETE", "/api/delete", StatusCode::NOT_IMPLEMENTED),
        ("POST", "/api/embed", StatusCode::NOT_IMPLEMENTED),
        ("HEAD", "/api/blobs/sha256:1", StatusCode::NOT_IMPLEMENTED),
    ] {
        let (got, body) = sent(method, path, String::new()).await;
        assert_eq!(got, status, "{path}");
        if method != "HEAD" {
            assert!(serde_json::from_str::<Value>(&body).unwrap()["error"].is_string(), "{body}");
        }
    }
}
