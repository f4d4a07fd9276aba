//! Tools and thinking over HTTP's types, with models whose templates are exchanged.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::server::{answered, post, sent};

const CHAT: &str = "/v1/chat/completions";

async fn refused(body: Value) -> Value {
    let (status, answer) = post(CHAT, body.clone()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {answer}");
    answer["error"].clone()
}

fn asked(model: &str, more: Value) -> Value {
    let messages = json!([{"role": "user", "content": "What is 12 + 7?"}]);
    let mut request = json!({"model": model, "messages": messages, "temperature": 0, "max_tokens": 20});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn weather() -> Value {
    json!([{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}])
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_shown_to_the_model_or_refused() {
    let prompt = |body: Value| async move { answered("/apply-template", body).await["prompt"].to_string() };
    let messages = json!([{"role": "user", "content": "Hi"}]);
    let shown = prompt(json!({"model": "tools", "messages": messages, "tools": weather()})).await;
    assert!(shown.contains("get_weather;"), "{shown}");
    for choice in ["auto", "none"] {
        let more = json!({"tools": weather(), "tool_choice": choice, "parallel_tool_calls": true});
        let answer = answered(CHAT, asked("tools", more)).await;
        assert!(answer["choices"][0]["message"]["content"].is_string(), "{answer}");
        assert_ne!(answer["choices"][0]["finish_reason"], json!("tool_calls"));
    }
    answered(CHAT, asked("plain", json!({"tools": [], "tool_choice": "none"}))).await;
    for model in ["plain", "thinking"] {
        let error = refused(asked(model, json!({"tools": weather()}))).await;
        assert_eq!((&error["param"], &error["type"]), (&json!("tools"), &json!("invalid_request_error")));
    }
    for (more, param) in [
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"tools": weather(), "parallel_tool_calls": 1}), "parallel_tool_calls"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
    ] {
        assert_eq!(refused(asked("tools", more)).await["param"], json!(param));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_in_messages_reach_the_template_as_objects() {
    let history = |arguments: Value, id: &str| {
        let call = json!({"id": "call_1", "type": "function", "function": {"name": "f", "arguments": arguments}});
        json!([
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": id, "content": "3"},
        ])
    };
    let messages = history(json!("{\"x\": \"sunny\"}"), "call_1");
    let shown = answered("/apply-template", json!({"model": "tools", "messages": messages})).await;
    assert!(shown["prompt"].as_str().unwrap().contains("sunny!"), "{shown}");
    for (messages, param) in [
        (history(json!("{\"x\": "), "call_1"), "messages[1].tool_calls[0].function.arguments"),
        (history(json!(""), "call_2"), "messages[2].tool_call_id"),
    ] {
        assert_eq!(refused(asked("tools", json!({"messages": messages}))).await["param"], json!(param));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_begins_within_thinking_is_thinking() {
    let end = json!({"model": "thinking", "content": "<|im_end|>", "parse_special": true});
    let end = answered("/tokenize", end).await["tokens"][0].to_string();
    // The model knows no thinking, and would say nothing.
    let on = json!({"logit_bias": {end: -100}});
    let whole = answered(CHAT, asked("thinking", on.clone())).await;
    let message = &whole["choices"][0]["message"];
    assert_eq!(message["content"], json!(""), "{whole}");
    assert!(message["reasoning_content"].as_str().is_some_and(|text| !text.is_empty()), "{whole}");
    assert_eq!(message["reasoning_content"], message["reasoning"]);
    let usage = &whole["usage"];
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], usage["completion_tokens"]);

    let mut streamed = asked("thinking", on);
    streamed["stream"] = json!(true);
    let (_, text) = sent("POST", CHAT, streamed.to_string()).await;
    let events = text.split("\n\n").filter_map(|event| event.strip_prefix("data: {"));
    let pieces: Vec<Value> = events.map(|event| serde_json::from_str(&format!("{{{event}")).unwrap()).collect();
    let deltas = || pieces.iter().map(|piece| &piece["choices"][0]["delta"]);
    let thought: String = deltas().filter_map(|delta| delta["reasoning_content"].as_str()).collect();
    assert_eq!(message["reasoning"], json!(thought));
    assert!(deltas().all(|delta| delta["content"].as_str().unwrap_or_default().is_empty()));
    let plain = answered(CHAT, asked("plain", json!({}))).await;
    assert_eq!(plain["choices"][0]["message"]["content"], json!("19"));
    assert_eq!(plain["usage"]["completion_tokens_details"]["reasoning_tokens"], json!(0));
}
