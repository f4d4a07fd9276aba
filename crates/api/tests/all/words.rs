//! Tools of models that write values otherwise than JSON and Python do: some schemas have no word there.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::server::{answered, post};
use crate::structure::{asked, schema, tool};

const CHAT: &str = "/v1/chat/completions";
/// Models that write calls in one of these languages each.
const LANGUAGES: [&str; 3] = ["functions", "keyed", "braced"];

/// What they have words for.
fn plain_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "city": {"enum": ["Bern", "Zürich"]},
            "count": {"type": "integer", "minimum": 1, "maximum": 12},
            "tags": {"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 1, "maxItems": 2},
            "place": {
                "type": "object",
                "properties": {"north": {"type": "boolean"}, "floor": {"enum": [null, 4]}},
                "required": ["floor", "north"],
                "additionalProperties": false,
            },
            "note": {"type": ["string", "null"]},
        },
        "required": ["city", "count", "tags", "place"],
    })
}

fn check_plain(value: &Value) {
    assert!([json!("Bern"), json!("Zürich")].contains(&value["city"]), "{value}");
    assert!((1..=12).contains(&value["count"].as_i64().unwrap()), "{value}");
    let tags = value["tags"].as_array().unwrap();
    assert!((1..=2).contains(&tags.len()) && tags.iter().all(Value::is_i64), "{value}");
    assert!([json!(null), json!(4)].contains(&value["place"]["floor"]) && value["place"]["north"].is_boolean());
    assert!(value["note"].is_string() || value["note"].is_null(), "{value}");
}

#[tokio::test]
async fn whoever_has_to_call_calls_in_each_of_them() {
    let tools = json!([tool("weather", plain_schema(), true), tool("time", json!({"type": "object"}), false)]);
    for model in LANGUAGES {
        for seed in 0..6 {
            let more = json!({"tools": tools, "tool_choice": "required", "seed": seed, "parallel_tool_calls": false});
            let answer = answered(CHAT, asked(model, more)).await;
            let choice = &answer["choices"][0];
            // A note may be long.
            if choice["finish_reason"] == "length" {
                continue;
            }
            assert_eq!(choice["finish_reason"], "tool_calls", "{model}: {answer}");
            let call = &choice["message"]["tool_calls"][0]["function"];
            let arguments: Value = serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap();
            match call["name"].as_str() {
                Some("weather") => check_plain(&arguments),
                name => assert!(name == Some("time") && arguments.is_object(), "{answer}"),
            }
        }
        let mut schema = plain_schema();
        schema["properties"].as_object_mut().unwrap().remove("note");
        let named = json!({"type": "function", "function": {"name": "weather"}});
        let tools = json!([tool("weather", schema, false)]);
        let more = json!({"tools": tools, "tool_choice": named, "parallel_tool_calls": false, "temperature": 1.5});
        let answer = answered(CHAT, asked(model, more)).await;
        let call = &answer["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(call["name"], "weather", "{model}: {answer}");
        check_plain(&serde_json::from_str(call["arguments"].as_str().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_text_without_quotes_that_is_more_than_a_text_is_refused_where_it_is_strict() {
    for model in LANGUAGES {
        for strict in [true, false] {
            let more = json!({"tools": [tool("weather", schema(), strict)], "tool_choice": "required"});
            let (status, answer) = post(CHAT, asked(model, more)).await;
            assert_eq!(status == StatusCode::OK, !strict, "{model}: {answer}");
            if strict {
                let error = &answer["error"];
                assert_eq!(error["param"], "tools[0].function.parameters", "{model}: {answer}");
                assert!(error["message"].as_str().unwrap().contains("`city` can be any text"), "{answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_strict_tool_leaves_text_alone() {
    for model in LANGUAGES {
        let more = json!({"tools": [tool("weather", plain_schema(), true)], "temperature": 0});
        let answer = answered(CHAT, asked(model, more)).await;
        assert!(answer["choices"][0]["message"]["content"].is_string(), "{model}: {answer}");
    }
}
