//! Answers held to schemas and tools, with models whose templates are exchanged: whatever a model would like to say, what it
//! says is valid.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::server::{answered, post};

const CHAT: &str = "/v1/chat/completions";
/// Models that write calls in one language each.
const LANGUAGES: [&str; 6] = ["tools", "bare", "pythonic", "enclosed", "announced", "functools"];
pub fn asked(model: &str, more: Value) -> Value {
    let messages = json!([{"role": "user", "content": "What is 12 + 7?"}]);
    let mut body = json!({"model": model, "messages": messages, "seed": 1, "max_tokens": 300});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

pub fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 8},
            "day": {"type": "string", "format": "date"},
            "count": {"type": "integer", "minimum": 1, "maximum": 12},
            "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 1, "maxItems": 2},
        },
        "required": ["city", "day", "count", "tags"],
        "additionalProperties": false,
        "$defs": {"tag": {"enum": ["a", "b", 3]}},
    })
}

fn check(value: &Value) {
    assert!(value["city"].as_str().unwrap().chars().count() <= 8, "{value}");
    let day = value["day"].as_str().unwrap();
    assert!(day.len() == 10 && day.as_bytes()[4] == b'-', "{value}");
    assert!((1..=12).contains(&value["count"].as_i64().unwrap()), "{value}");
    let tags = value["tags"].as_array().unwrap();
    assert!((1..=2).contains(&tags.len()) && tags.iter().all(|tag| [json!("a"), json!("b"), json!(3)].contains(tag)));
    assert_eq!(value.as_object().unwrap().len(), 4, "{value}");
}

pub fn tool(name: &str, parameters: Value, strict: bool) -> Value {
    json!({"type": "function", "function": {"name": name, "parameters": parameters, "strict": strict}})
}

#[tokio::test]
async fn an_answer_is_json_of_the_schema_whatever_the_draw() {
    let format = json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true, "schema": schema()}});
    for seed in 0..8 {
        let asked = asked("plain", json!({"response_format": format, "seed": seed, "temperature": 1.5}));
        let answer = answered(CHAT, asked).await;
        assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer}");
        check(&serde_json::from_str(answer["choices"][0]["message"]["content"].as_str().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn what_is_said_after_thinking_is_held_and_the_thinking_is_not() {
    let format = json!({"type": "json_schema", "json_schema": {"schema": {"enum": ["yes", "no"]}}});
    // The demo model never ends a thought, so the answer is all thought when it is cut off.
    let thought = answered(CHAT, asked("thinking", json!({"response_format": format, "max_tokens": 5}))).await;
    let message = &thought["choices"][0]["message"];
    assert_eq!(
        (message["content"].as_str(), thought["choices"][0]["finish_reason"].as_str()),
        (Some(""), Some("length"))
    );
    assert!(!message["reasoning_content"].as_str().unwrap().starts_with('"'), "{message}");
    // It may think, and does not have to.
    let said = answered(CHAT, asked("switched", json!({"response_format": format, "temperature": 0}))).await;
    let content = said["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(["\"yes\"", "\"no\""].contains(&content), "{said}");
}

#[tokio::test]
async fn whoever_has_to_call_calls_in_each_language() {
    let tools =
        json!([tool("weather", schema(), true), tool("time", json!({"type": "object", "properties": {}}), false)]);
    for model in LANGUAGES {
        for seed in 0..4 {
            let more = json!({"tools": tools, "tool_choice": "required", "seed": seed, "parallel_tool_calls": false});
            let answer = answered(CHAT, asked(model, more)).await;
            let calls = answer["choices"][0]["message"]["tool_calls"].as_array().unwrap();
            assert_eq!((calls.len(), &answer["choices"][0]["finish_reason"]), (1, &json!("tool_calls")), "{answer}");
            let call = &calls[0]["function"];
            let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
            match call["name"].as_str() {
                Some("weather") => check(&arguments),
                name => assert!(name == Some("time") && arguments.is_object(), "{answer}"),
            }
        }
        let named = json!({"type": "function", "function": {"name": "weather"}});
        let more = json!({"tools": tools, "tool_choice": named, "parallel_tool_calls": false, "temperature": 0});
        let answer = answered(CHAT, asked(model, more)).await;
        let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(call["name"], "weather", "{model}: {answer}");
        check(&serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_strict_tool_leaves_text_alone() {
    for model in LANGUAGES {
        let message = async |strict| {
            let more = json!({"tools": [tool("weather", schema(), strict)], "temperature": 0});
            answered(CHAT, asked(model, more)).await["choices"][0]["message"].clone()
        };
        assert_eq!(message(true).await, message(false).await, "{model}");
    }
}

#[tokio::test]
async fn what_cannot_be_enforced_is_refused_by_tool_and_keyword() {
    let odd = json!({"type": "object", "properties": {"x": {"type": "string", "pattern": "(?=a)"}}});
    let format = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}});
    let both = json!([tool("fine", json!({}), true), tool("odd", odd.clone(), true)]);
    let fine = json!([tool("fine", json!({}), true)]);
    for (model, more, param) in [
        ("plain", format(odd.clone()), "response_format.json_schema.schema.properties.x.pattern"),
        ("plain", format(json!({"minimun": 1})), "response_format.json_schema.schema.minimun"),
        (
            "plain",
            format(json!({"type": "array", "uniqueItems": true})),
            "response_format.json_schema.schema.uniqueItems",
        ),
        (
            "plain",
            format(json!({"oneOf": [{"type": "string"}, {"minLength": 2}]})),
            "response_format.json_schema.schema",
        ),
        ("plain", json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
        ("plain", json!({"response_format": {"type": "grammar"}}), "response_format"),
        ("tools", json!({"tools": both}), "tools[1].function.parameters.properties.x.pattern"),
        ("tools", json!({"tool_choice": "required"}), "tool_choice"),
        (
            "tools",
            json!({"tools": [tool("f", json!({"type": "array"}), false)], "tool_choice": "required"}),
            "tools[0].function.parameters.type",
        ),
        ("pythonic", json!({"tools": [tool("f", json!({"anyOf": [{}]}), true)]}), "tools[0].function.parameters"),
        ("plain", json!({"tools": fine, "tool_choice": "required"}), "tools"),
    ] {
        let (status, error) = post(CHAT, asked(model, more.clone())).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{more}: {error}");
        assert_eq!(error["error"]["param"], param, "{error}");
    }
    // Who did not ask for strictness gets any object.
    let more = json!({"tools": [tool("odd", odd, false)], "tool_choice": "required", "parallel_tool_calls": false});
    let answer = answered(CHAT, asked("tools", more)).await;
    assert!(
        answer["choices"][0]["message"]["tool_calls"].is_array() || answer["choices"][0]["finish_reason"] == "length"
    );
}

#[tokio::test]
async fn constraints_change_nothing_for_neighbours() {
    let format = json!({"type": "json_schema", "json_schema": {"schema": schema()}});
    let held = |seed: u64| asked("plain", json!({"response_format": format, "seed": seed}));
    let free = asked("plain", json!({"seed": 3, "max_tokens": 40}));
    let mut alone = Vec::new();
    for seed in 0..3 {
        alone.push(answered(CHAT, held(seed)).await["choices"].clone());
    }
    alone.push(answered(CHAT, free.clone()).await["choices"].clone());
    let together =
        tokio::join!(answered(CHAT, held(0)), answered(CHAT, held(1)), answered(CHAT, held(2)), answered(CHAT, free));
    let together = [together.0, together.1, together.2, together.3].map(|answer| answer["choices"].clone());
    assert_eq!(alone, together);
}

#[tokio::test]
async fn every_surface_holds_an_answer_to_a_schema() {
    let messages = json!([{"role": "user", "content": "What is 12 + 7?"}]);
    let schema = json!({"type": "object", "properties": {"n": {"enum": [1, 2]}}, "required": ["n"], "additionalProperties": false});
    let of_name = |name: &str| json!({"type": "json_schema", "name": name, "schema": schema});
    for (path, body, answer) in [
        (
            "/v1/responses",
            json!({"input": "Hi", "max_output_tokens": 50, "text": {"format": of_name("n")}}),
            "/output/0/content/0/text",
        ),
        (
            "/v1/messages",
            json!({"messages": messages, "max_tokens": 50, "output_config": {"format": {"type": "json_schema", "schema": schema}}}),
            "/content/0/text",
        ),
        ("/api/chat", json!({"messages": messages, "stream": false, "format": schema}), "/message/content"),
        ("/api/generate", json!({"prompt": "Hi", "stream": false, "format": schema}), "/response"),
        ("/api/generate", json!({"prompt": "Hi", "raw": true, "stream": false, "format": schema}), "/response"),
    ] {
        let mut body = body;
        body["model"] = "plain".into();
        let told = answered(path, body).await;
        let text = told.pointer(answer).and_then(Value::as_str).unwrap_or_else(|| panic!("{path}: {told}"));
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"));
        assert!([json!({"n": 1}), json!({"n": 2})].contains(&value), "{path}: {value}");
    }
}

#[tokio::test]
async fn as_many_members_as_a_schema_likes_and_too_many_are_the_requests_fault() {
    let asked_for = |n: usize| {
        let properties: serde_json::Map<String, Value> =
            (0..n).map(|at| (format!("p{at}"), json!({"enum": [1]}))).collect();
        let schema = json!({"type": "object", "properties": properties, "additionalProperties": false});
        asked(
            "plain",
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}),
        )
    };
    assert_eq!(answered(CHAT, asked_for(1000)).await["object"], "chat.completion");
    let (status, answer) = post(CHAT, asked_for(4000)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
}
