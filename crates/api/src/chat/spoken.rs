//! Answers that are made up: whole and in pieces they say the same.

use std::sync::Arc;

use plimsoll_engine::{Finish, Tokenizer};
use serde_json::{Value, json};

use super::answer::{About, Whole};
use super::pieces::Pieces;
use crate::made_up::{events, hearing, hearing_of, tokenizer};
use crate::stream::{Chunks, Usage};

fn about(tokenizer: &Arc<Tokenizer>, is_thinking: bool) -> About {
    About::new("m", hearing(tokenizer, is_thinking), false).unwrap()
}

/// An answer's message, why it ended, and how many tokens of it were thinking; the same from its pieces.
fn spoken(answer: &str, stops: &[&str], finish: Finish, is_thinking: bool) -> (Value, Value, u64) {
    let tokenizer = tokenizer();
    let events = events(&tokenizer, answer, stops, finish);
    let usage = Usage::default();
    let mut whole = Whole::new(about(&tokenizer, is_thinking), 1);
    events.iter().for_each(|event| whole.hear(0, event));
    let whole = whole.into_json(&usage);

    let mut pieces = Pieces::new(about(&tokenizer, is_thinking), 1, true);
    let sent: Vec<Value> = events.iter().flat_map(|event| pieces.hear(0, event)).collect();
    let last = pieces.end(&usage).pop().unwrap();
    assert_eq!(last["usage"], whole["usage"]);

    let choice = &whole["choices"][0];
    let (message, deltas) = (&choice["message"], sent.iter().map(|piece| &piece["choices"][0]));
    let (mut content, mut reasoning, mut calls) = (String::new(), String::new(), Vec::<Value>::new());
    for delta in deltas.clone().map(|choice| &choice["delta"]) {
        content.push_str(delta["content"].as_str().unwrap_or_default());
        reasoning.push_str(delta["reasoning"].as_str().unwrap_or_default());
        assert_eq!(delta["reasoning"], delta["reasoning_content"]);
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap() as usize;
            if index == calls.len() {
                assert_eq!((&call["type"], &call["function"]["arguments"]), (&json!("function"), &json!("")));
                assert!(call["id"].as_str().unwrap().starts_with("call_"));
                calls.push(call["function"].clone());
            } else {
                let all = format!(
                    "{}{}",
                    calls[index]["arguments"].as_str().unwrap(),
                    call["function"]["arguments"].as_str().unwrap()
                );
                calls[index]["arguments"] = all.into();
            }
        }
    }
    assert_eq!(content, message["content"].as_str().unwrap_or_default());
    assert_eq!(reasoning, message["reasoning"].as_str().unwrap_or_default());
    let functions: Vec<Value> =
        message["tool_calls"].as_array().into_iter().flatten().map(|call| call["function"].clone()).collect();
    assert_eq!(calls, functions);
    let finishes: Vec<&Value> = deltas.map(|choice| &choice["finish_reason"]).filter(|f| !f.is_null()).collect();
    assert_eq!(finishes, [&choice["finish_reason"]]);
    let thought = whole["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap();
    (message.clone(), choice["finish_reason"].clone(), thought)
}

const CALLS: &str = "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 1}}\n</tool_call>\n<tool_call>\n{\"name\": \"g\"}\n</tool_call>";

#[test]
fn calls_have_the_shape_of_openais() {
    let (message, finish, thought) = spoken(CALLS, &[], Finish::Stop, false);
    assert_eq!((message["content"].clone(), finish, thought), (Value::Null, json!("tool_calls"), 0));
    let calls = message["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["function"], json!({"name": "f", "arguments": "{\"x\": 1}"}));
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let keys: Vec<&String> = calls[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["id", "type", "function"]);
}

#[test]
fn an_answer_that_was_cut_off_says_so() {
    assert_eq!(spoken(CALLS, &[], Finish::Length, false).1, "length");
    let (message, finish, _) = spoken(CALLS, &["arguments"], Finish::Stop, false);
    assert_eq!((&message["content"], finish), (&json!("<tool_call>\n{\"name\": \"f\", \""), json!("stop")));
    assert!(message.get("tool_calls").is_none() && message.get("reasoning").is_none());
}

#[test]
fn thinking_is_told_apart_and_counted() {
    let thinking = format!("<think>\nTwo: {CALLS}\n</think>\n\nDone.");
    let (message, finish, thought) = spoken(&thinking, &[], Finish::Stop, false);
    assert_eq!((&message["content"], finish), (&json!("Done."), json!("stop")));
    assert_eq!(message["reasoning_content"], json!(format!("Two: {CALLS}")));
    assert!(thought > 20, "{thought}");
    let (message, _, _) = spoken("Hm.</think>Yes", &[], Finish::Stop, true);
    assert_eq!((&message["reasoning"], &message["content"]), (&json!("Hm."), &json!("Yes")));
}

#[test]
fn an_answer_that_may_call_once_tells_its_first_call() {
    let tokenizer = tokenizer();
    let mut whole = Whole::new(About::new("m", hearing_of(&tokenizer, false, true), false).unwrap(), 1);
    events(&tokenizer, CALLS, &[], Finish::Stop).iter().for_each(|event| whole.hear(0, event));
    let whole = whole.into_json(&Usage::default());
    let calls = whole["choices"][0]["message"]["tool_calls"].as_array().unwrap();
    assert_eq!((calls.len(), &calls[0]["function"]["name"]), (1, &json!("f")));
    assert_eq!(whole["choices"][0]["finish_reason"], json!("tool_calls"));
}
