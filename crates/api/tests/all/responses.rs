//! OpenAI's responses over HTTP's types.

use crate::server::{answered, events, post, refused, sent};
use axum::http::StatusCode;
use base64::Engine;
use serde_json::{Value, json};

const RESPONSES: &str = "/v1/responses";

fn asked(model: &str, more: Value) -> Value {
    let mut request = json!({"model": model, "input": "What is 12 + 7?", "temperature": 0, "max_output_tokens": 20});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn weather() -> Value {
    json!({"type": "function", "name": "get_weather", "description": "Tells it.", "parameters": {"type": "object"}})
}

/// What does not depend on when it was asked.
fn lasting(mut response: Value) -> Value {
    let fields = response.as_object_mut().unwrap();
    for field in ["id", "created_at"] {
        fields.remove(field).unwrap();
    }
    for item in response["output"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("id").unwrap();
    }
    response["usage"].as_object_mut().unwrap().remove("input_tokens_details").unwrap();
    response
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_answered_whole_and_in_events_alike() {
    let whole = answered(RESPONSES, asked("plain", json!({"store": false, "metadata": {"a": "b"}}))).await;
    let part = json!({"type": "output_text", "text": "19", "annotations": [], "logprobs": []});
    let item = &whole["output"][0];
    assert_eq!((&item["type"], &item["content"]), (&json!("message"), &json!([part])));
    assert_eq!(
        (&whole["status"], &whole["store"], &whole["metadata"]),
        (&json!("completed"), &json!(false), &json!({"a": "b"}))
    );
    for (body, last) in [
        (asked("plain", json!({})), "response.completed"),
        (asked("plain", json!({"max_output_tokens": 1})), "response.incomplete"),
        (asked("thinking", json!({"input": "Once upon a time"})), "response.completed"),
    ] {
        let mut streamed = body.clone();
        streamed["stream"] = json!(true);
        let events = events(RESPONSES, streamed).await;
        assert!(events.iter().all(|(name, event)| event["type"] == json!(name)));
        assert_eq!((events[0].0.as_str(), events[1].0.as_str()), ("response.created", "response.in_progress"));
        let (name, event) = events.last().unwrap();
        let whole = answered(RESPONSES, body).await;
        assert!(name == last || whole["status"] == json!("incomplete"), "{name}");
        assert_eq!(lasting(event["response"].clone()), lasting(whole));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_the_same_prompt_as_messages() {
    let call = json!({"id": "1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": \"sunny\"}"}});
    let definition = json!({"type": "function", "function": {
        "name": "get_weather", "description": "Tells it.", "parameters": {"type": "object"}}});
    let chat = json!({"model": "tools", "max_tokens": 1, "tools": [definition], "messages": [
        {"role": "system", "content": "Be <|im_end|> brief."}, {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "3"}, {"role": "user", "content": "Why?"}]});
    let chat = answered("/v1/chat/completions", chat).await["usage"]["prompt_tokens"].clone();
    let input = json!([
        {"role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "Let me see.", "annotations": [], "logprobs": []}]},
        {"type": "function_call", "id": "fc_1", "call_id": "1", "name": "f", "arguments": "{\"x\": \"sunny\"}"},
        {"type": "function_call_output", "call_id": "1", "output": "3"},
        {"role": "user", "content": "Why?"}]);
    let more = json!({"input": input, "instructions": "Be <|im_end|> brief.", "tools": [weather()]});
    let response = answered(RESPONSES, asked("tools", more)).await;
    assert_eq!(response["usage"]["input_tokens"], chat);
    let counted = |body: Value| async move { answered(RESPONSES, body).await["usage"]["input_tokens"].clone() };
    let developer = json!([{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}]);
    let two = asked("plain", json!({"instructions": "You help.", "input": developer}));
    let one = asked("plain", json!({"instructions": "You help.\nBe brief.", "input": "Hi"}));
    assert_eq!(counted(two).await, counted(one).await, "templates get one system message");
    assert_eq!(response["tools"][0]["name"], json!("get_weather"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_that_are_no_functions_are_left_out_and_the_answer_says_so() {
    let tools = json!([weather(), {"type": "web_search"}, {"type": "custom", "name": "apply_patch"}]);
    let body = asked("tools", json!({"tools": tools, "parallel_tool_calls": true}));
    let response = answered(RESPONSES, body).await;
    assert_eq!(response["metadata"], json!({"tools_left_out": "web_search, custom"}));
    assert_eq!(response["tools"].as_array().unwrap().len(), 1);
    let plain = answered(RESPONSES, asked("plain", json!({"tools": [{"type": "web_search"}]}))).await;
    assert_eq!((&plain["tools"], &plain["output"][0]["content"][0]["text"]), (&json!([]), &json!("19")));
    assert!(refused(RESPONSES, asked("plain", json!({"tools": [weather()]}))).await.contains("shows it no tools"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_in_an_item_is_seen() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/images/five_shapes.png");
    let data = base64::engine::general_purpose::STANDARD.encode(std::fs::read(file).unwrap());
    let shown = |url: String| {
        json!({"input": [{"role": "user", "content": [
        {"type": "input_image", "image_url": url, "detail": "auto"},
        {"type": "input_text", "text": "What colour is the circle?"}]}]})
    };
    let seen = answered(RESPONSES, asked("vision", shown(format!("data:image/png;base64,{data}")))).await;
    assert!(seen["output"][0]["content"][0]["text"].as_str().unwrap().contains("black"), "{seen}");
    let (_, error) = post(RESPONSES, asked("vision", shown("https://example.org/a.png".to_owned()))).await;
    assert_eq!(error["error"]["param"], json!("input[0].content[0].image_url"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_honoured_is_refused_by_name() {
    for (more, param) in [
        (json!({"store": true}), "store"),
        (json!({"previous_response_id": "resp_1"}), "previous_response_id"),
        (json!({"conversation": "c"}), "conversation"),
        (json!({"background": true}), "background"),
        (json!({"prompt": {"id": "p"}}), "prompt"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"include": ["reasoning.encrypted_content", "file_search_call.results"]}), "include[1]"),
        (json!({"max_output_token": 1}), "max_output_token"),
        (json!({"temperature": 3}), "temperature"),
        (json!({"text": {"format": {"type": "json_schema", "schema": {"not": {}}}}}), "text.format.schema.not"),
        (json!({"text": {"verbosity": "low"}}), "text.verbosity"),
        (json!({"reasoning": {"effort": "high"}}), "reasoning.effort"),
        (json!({"reasoning": {"summary": "detailed"}}), "reasoning.summary"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"tool_choice": {"type": "web_search"}}), "tool_choice"),
        (json!({"input": []}), "input"),
        (json!({"input": [{"type": "item_reference", "id": "x"}]}), "input[0]"),
        (json!({"input": [{"type": "computer_call_output"}]}), "input[0].type"),
        (json!({"input": [{"role": "owl", "content": ""}]}), "input[0].role"),
        (json!({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}), "input[0].content[0].type"),
        (json!({"input": [{"type": "function_call_output", "call_id": "1", "output": ""}]}), "input[0].call_id"),
    ] {
        let (status, error) = post(RESPONSES, asked("plain", more)).await;
        assert_eq!((status, &error["error"]["param"]), (StatusCode::BAD_REQUEST, &json!(param)), "{error}");
    }
    for more in
        [json!({"reasoning": {"effort": "none"}}), json!({"reasoning": {"effort": "medium", "summary": "auto"}})]
    {
        answered(RESPONSES, asked("plain", more)).await;
    }
    let long = post(RESPONSES, asked("plain", json!({"input": "word ".repeat(20_000)}))).await.1;
    assert_eq!((&long["error"]["param"], &long["error"]["code"]), (&json!("input"), &json!("context_length_exceeded")));
    let (status, _) = sent("GET", RESPONSES, String::new()).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}
