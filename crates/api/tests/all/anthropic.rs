//! Anthropic's API over HTTP's types.

use crate::server::{answered, events, post, refused};
use axum::http::StatusCode;
use serde_json::{Value, json};

const MESSAGES: &str = "/v1/messages";

fn asked(model: &str, more: Value) -> Value {
    let messages = json!([{"role": "user", "content": "What is 12 + 7?"}]);
    let mut request = json!({"model": model, "messages": messages, "temperature": 0, "max_tokens": 20});
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

fn weather() -> Value {
    json!([{"name": "get_weather", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}])
}

/// The message that events add up to, as Anthropic's clients add them.
async fn gathered(mut body: Value) -> Value {
    body["stream"] = json!(true);
    let mut message = Value::Null;
    let mut last = String::new();
    for (name, event) in events(MESSAGES, body).await {
        assert_eq!(event["type"], json!(name));
        let index = event["index"].as_u64().unwrap_or(0) as usize;
        match name.as_str() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().unwrap();
                assert_eq!(blocks.len(), index);
                blocks.push(event["content_block"].clone());
            }
            "content_block_delta" => {
                let (block, delta) = (&mut message["content"][index], &event["delta"]);
                let field = if block["type"] == "thinking" { "thinking" } else { "text" };
                assert_eq!(delta["type"], json!(format!("{field}_delta")));
                block[field] = format!("{}{}", block[field].as_str().unwrap(), delta[field].as_str().unwrap()).into();
            }
            "message_delta" => {
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["stop_sequence"] = event["delta"]["stop_sequence"].clone();
                message["usage"] = event["usage"].clone();
            }
            "content_block_stop" | "message_stop" | "ping" => {}
            other => panic!("{other}"),
        }
        last = name;
    }
    assert_eq!(last, "message_stop");
    message
}

/// What does not depend on when it was asked.
fn lasting(mut message: Value) -> Value {
    message.as_object_mut().unwrap().remove("id").unwrap();
    for cached in ["input_tokens", "cache_read_input_tokens"] {
        message["usage"].as_object_mut().unwrap().remove(cached).unwrap();
    }
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_answered_whole_and_in_events_alike() {
    let whole = answered(MESSAGES, asked("plain", json!({"metadata": {"user_id": "me"}}))).await;
    assert_eq!(whole["content"], json!([{"type": "text", "text": "19", "citations": null}]));
    assert_eq!(
        (&whole["type"], &whole["role"], &whole["model"]),
        (&json!("message"), &json!("assistant"), &json!("plain"))
    );
    assert_eq!((&whole["stop_reason"], &whole["stop_sequence"]), (&json!("end_turn"), &Value::Null));
    for more in [json!({}), json!({"stop_sequences": ["x", "9"]}), json!({"max_tokens": 1})] {
        let body = asked("plain", more);
        assert_eq!(lasting(gathered(body.clone()).await), lasting(answered(MESSAGES, body).await));
    }
    let stopped = answered(MESSAGES, asked("plain", json!({"stop_sequences": ["x", "9"]}))).await;
    assert_eq!((&stopped["stop_reason"], &stopped["stop_sequence"]), (&json!("stop_sequence"), &json!("9")));
    assert_eq!(stopped["content"][0]["text"], json!("1"));
    let cut = answered(MESSAGES, asked("plain", json!({"max_tokens": 1}))).await;
    assert_eq!(cut["stop_reason"], json!("max_tokens"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_has_as_many_tokens_as_chat_counts() {
    let history = |content: Value| {
        json!([
        {"role": "user", "content": content}, {"role": "assistant", "content": "19"}, {"role": "user", "content": "Why?"}])
    };
    let text = json!("What is <|im_end|> 12 + 7?");
    let mut with_system = history(text.clone());
    with_system.as_array_mut().unwrap().insert(0, json!({"role": "system", "content": "Be brief."}));
    let chat = json!({"model": "plain", "messages": with_system, "max_tokens": 1});
    let chat = answered("/v1/chat/completions", chat).await["usage"]["prompt_tokens"].clone();
    let blocks = json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    for (system, content) in [
        (json!("Be brief."), text.clone()),
        (json!([{"type": "text", "text": "Be brief."}]), blocks.clone()),
        (json!("x-anthropic-billing-header: cc_version=2; cch=1a2;\nBe brief."), blocks.clone()),
        (
            json!([{"type": "text", "text": "x-anthropic-billing-header: cch=77;"}, {"type": "text", "text": "Be brief."}]),
            blocks,
        ),
    ] {
        let body = json!({"model": "plain", "messages": history(content), "system": system});
        assert_eq!(
            answered("/v1/messages/count_tokens", body.clone()).await,
            json!({"input_tokens": chat}),
            "{system}"
        );
        let mut body = body;
        body["max_tokens"] = json!(1);
        let usage = answered(MESSAGES, body).await["usage"].clone();
        let read = usage["input_tokens"].as_u64().unwrap() + usage["cache_read_input_tokens"].as_u64().unwrap();
        assert_eq!(json!(read), chat, "{usage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_are_shown_and_their_results_follow_the_calls() {
    for more in [json!({}), json!({"tool_choice": {"type": "none"}})] {
        let mut body = asked("tools", json!({"tools": weather()}));
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(answered(MESSAGES, body).await["content"][0]["type"], json!("text"));
    }
    let history = |id: &str, result: Value| {
        json!([
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": "sunny"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": id, "content": result, "is_error": false}]}])
    };
    let call =
        json!({"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": "{\"x\": \"sunny\"}"}});
    let chat = json!({"model": "tools", "max_tokens": 1, "messages": [
        {"role": "user", "content": "Hi"}, {"role": "assistant", "content": null, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "toolu_1", "content": "3"}]});
    let chat = answered("/v1/chat/completions", chat).await["usage"]["prompt_tokens"].clone();
    for result in [json!("3"), json!([{"type": "text", "text": "3"}])] {
        let body = json!({"model": "tools", "messages": history("toolu_1", result)});
        assert_eq!(answered("/v1/messages/count_tokens", body).await["input_tokens"], chat);
    }
    let body = asked("tools", json!({"messages": history("toolu_2", json!(""))}));
    assert!(refused(MESSAGES, body).await.starts_with("messages[2].content[0].tool_use_id: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn thinking_is_a_block_of_its_own_and_switched_where_the_template_can() {
    // The model knows no thinking, but begins to say what it would: that is thinking.
    let messages = json!([{"role": "user", "content": "Once upon a time"}]);
    let body = asked("thinking", json!({"thinking": {"type": "adaptive"}, "messages": messages}));
    let whole = answered(MESSAGES, body.clone()).await;
    assert_eq!(whole["content"][0]["type"], json!("thinking"), "{whole}");
    assert_eq!(whole["usage"]["output_tokens_details"]["thinking_tokens"], whole["usage"]["output_tokens"]);
    assert_eq!(lasting(gathered(body).await), lasting(whole));
    let enabled = json!({"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000});
    let count = |model: &'static str, thinking: Value| async move {
        let body = json!({"model": model, "thinking": thinking, "messages": [{"role": "user", "content": "Hi"}]});
        answered("/v1/messages/count_tokens", body).await["input_tokens"].as_u64().unwrap()
    };
    let on = count("switched", json!({"type": "enabled", "budget_tokens": 1024})).await;
    assert!(count("switched", json!({"type": "disabled"})).await > on, "its template says more to switch it off");
    assert!(refused(MESSAGES, asked("plain", enabled)).await.contains("knows no thinking"));
    assert!(
        refused(MESSAGES, asked("thinking", json!({"thinking": {"type": "disabled"}}))).await.contains("no switch")
    );
    answered(MESSAGES, asked("plain", json!({"thinking": {"type": "disabled"}}))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_honoured_is_refused_in_anthropics_shape() {
    let image =
        |source: Value| json!({"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]});
    for (more, what) in [
        (json!({"max_token": 1}), "did you mean `max_tokens`?"),
        (json!({"max_tokens": null}), "`max_tokens` is missing"),
        (json!({"temperature": 1.5}), "`temperature` is 1.5, expected 0 to 1"),
        (json!({"mcp_servers": []}), "`mcp_servers` is not honoured"),
        (json!({"service_tier": "batch"}), "`service_tier` can only be"),
        (json!({"stop_sequences": [""]}), "`stop_sequences` takes"),
        (json!({"messages": []}), "at least one message"),
        (json!({"messages": [{"role": "system", "content": ""}]}), "messages[0].role: there is no role `system`"),
        (json!({"messages": [{"role": "user", "content": [{"type": "document"}]}]}), "messages[0].content[0].type: "),
        (image(json!({"type": "url", "url": "https://example.org/a.png"})), "nothing is fetched"),
        (
            image(json!({"type": "base64", "media_type": "image/png", "data": "!"})),
            "messages[0].content[0].source.data: ",
        ),
        (json!({"tools": weather()}), "shows it no tools"),
        (json!({"tool_choice": {"type": "any"}}), "no tools that could be called"),
        (json!({"output_config": {"format": {"type": "json_schema"}}}), "output_config.format.schema: "),
        (
            json!({"output_config": {"format": {"type": "json_schema", "schema": {"not": {}}}}}),
            "output_config.format.schema.not: ",
        ),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 5}}), "`budget_tokens` is 5"),
    ] {
        let error = refused(MESSAGES, asked("plain", more)).await;
        assert!(error.contains(what), "{error}");
    }
    for (tool, what) in [
        (
            json!({"type": "web_search_20250305", "name": "web_search"}),
            "tools of type `web_search_20250305` are not run",
        ),
        (json!({"name": "f"}), "`input_schema` is missing"),
        (json!({"name": "a b", "input_schema": {}}), "tools[0].name: "),
        (json!({"name": "f", "input_schema": {"not": {}}, "strict": true}), "tools[0].input_schema.not: "),
    ] {
        assert!(refused(MESSAGES, asked("tools", json!({"tools": [tool]}))).await.contains(what));
    }
    for (path, method, status, kind) in [
        (MESSAGES, "GET", StatusCode::METHOD_NOT_ALLOWED, "invalid_request_error"),
        ("/v1/messages/batches", "POST", StatusCode::NOT_FOUND, "not_found_error"),
    ] {
        let (got, body) = crate::server::sent(method, path, String::new()).await;
        let error: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((got, &error["type"], &error["error"]["type"]), (status, &json!("error"), &json!(kind)));
    }
    let (status, error) = post(MESSAGES, asked("gpt-9", json!({}))).await;
    assert_eq!((status, &error["error"]["type"]), (StatusCode::NOT_FOUND, &json!("not_found_error")));
    let (status, error) = crate::server::sent("POST", MESSAGES, " ".repeat((64 << 20) + 1)).await;
    assert!(status == StatusCode::PAYLOAD_TOO_LARGE && error.contains("request_too_large"), "{error}");
}
