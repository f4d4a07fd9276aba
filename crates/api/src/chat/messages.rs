//! The messages of a request, and the calls in them.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::error::ApiError;

/// Checks that every message has a role that there is, and makes its calls what templates read; a developer's is what
/// templates call the system's.
///
/// # Errors
/// A message is not as it has to be.
pub fn check(messages: &mut Value) -> Result<(), ApiError> {
    let Some(list) = messages.as_array_mut().filter(|list| !list.is_empty()) else {
        return Err(ApiError::bad("messages", "`messages` has to be an array with at least one message"));
    };
    for (at, message) in list.iter_mut().enumerate() {
        let place = format!("messages[{at}]");
        let Value::Object(message) = message else { return Err(ApiError::bad(place, "a message has to be an object")) };
        match message.get("role").and_then(Value::as_str) {
            Some("developer") => {
                message.insert("role".to_owned(), "system".into());
            }
            Some("system" | "user" | "assistant" | "tool") => {}
            Some(role) => return Err(ApiError::bad(format!("{place}.role"), format!("there is no role `{role}`"))),
            None => return Err(ApiError::bad(format!("{place}.role"), "a message needs a `role`")),
        }
        let has_calls = message.get("tool_calls").is_some_and(|calls| !calls.is_null());
        match message.get("content") {
            Some(Value::String(_) | Value::Array(_)) => {}
            None | Some(Value::Null) if has_calls => {
                message.insert("content".to_owned(), "".into());
            }
            _ => {
                return Err(ApiError::bad(
                    format!("{place}.content"),
                    "`content` has to be a text or an array of parts",
                ));
            }
        }
    }
    read_calls(list)
}

/// Makes the calls in messages what templates read, with arguments that are objects, and checks that what a tool answered
/// was asked of it.
///
/// # Errors
/// A call is not as it has to be, or a tool's message answers none.
fn read_calls(messages: &mut [Value]) -> Result<(), ApiError> {
    let mut called: HashMap<String, Value> = HashMap::new();
    for (at, message) in messages.iter_mut().enumerate() {
        let place = format!("messages[{at}]");
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str();
            let Some(name) = id.and_then(|id| called.get(id)) else {
                let what = match id {
                    None => "a tool's message needs a `tool_call_id`".to_owned(),
                    Some(id) => format!("no call before it has the id `{id}`"),
                };
                return Err(ApiError::bad(format!("{place}.tool_call_id"), what));
            };
            // Some templates show which tool it was.
            if message["name"].is_null() {
                message["name"] = name.clone();
            }
            continue;
        }
        let Some(calls) = message.get_mut("tool_calls").filter(|calls| !calls.is_null()) else { continue };
        let Some(calls) = calls.as_array_mut() else {
            return Err(ApiError::bad(format!("{place}.tool_calls"), "`tool_calls` has to be an array"));
        };
        for (index, call) in calls.iter_mut().enumerate() {
            let (id, name) = read_call(call, &format!("{place}.tool_calls[{index}]"))?;
            called.insert(id, name);
        }
    }
    Ok(())
}

/// Its id, and the name of its function.
fn read_call(call: &mut Value, place: &str) -> Result<(String, Value), ApiError> {
    let bad = |field: &str, what: &str| ApiError::bad(format!("{place}{field}"), what);
    let Value::Object(call) = call else { return Err(bad("", "a call has to be an object")) };
    let id = call.get("id").and_then(Value::as_str).ok_or_else(|| bad(".id", "a call needs an `id`"))?.to_owned();
    if call.get("type").is_some_and(|kind| kind != "function") {
        return Err(bad(".type", "only calls of type `function` are known"));
    }
    let Some(Value::Object(function)) = call.get_mut("function") else {
        return Err(bad(".function", "a call needs a `function`, an object"));
    };
    let Some(name) = function.get("name").filter(|name| name.is_string()).cloned() else {
        return Err(bad(".function.name", "a call needs the `name` of its function"));
    };
    let arguments = match function.get("arguments") {
        None | Some(Value::Null) => Some(Map::new()),
        Some(Value::Object(arguments)) => Some(arguments.clone()),
        Some(Value::String(text)) if text.trim().is_empty() => Some(Map::new()),
        Some(Value::String(text)) => serde_json::from_str(text).ok(),
        Some(_) => None,
    };
    let what = "`arguments` has to be the text of a JSON object";
    let arguments = arguments.ok_or_else(|| bad(".function.arguments", what))?;
    function.insert("arguments".to_owned(), Value::Object(arguments));
    Ok((id, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_become_objects_and_answers_need_their_call() {
        let call = |arguments: Value| {
            let function = json!({"name": "f", "arguments": arguments});
            json!({"role": "assistant", "tool_calls": [{"id": "x", "type": "function", "function": function}]})
        };
        for (given, expected) in [
            (json!("{\"a\": [1]}"), json!({"a": [1]})),
            (json!(""), json!({})),
            (Value::Null, json!({})),
            (json!({"b": 1}), json!({"b": 1})),
        ] {
            let mut messages = [call(given), json!({"role": "tool", "tool_call_id": "x", "content": "1"})];
            read_calls(&mut messages).unwrap();
            assert_eq!(messages[0]["tool_calls"][0]["function"]["arguments"], expected);
        }
        for arguments in [json!("{"), json!("[1]"), json!(1), json!("[".repeat(100_000))] {
            let error = read_calls(&mut [call(arguments)]).unwrap_err();
            assert_eq!(error.param.as_deref(), Some("messages[0].tool_calls[0].function.arguments"));
        }
        for id in [json!("y"), Value::Null] {
            let mut messages = [call(json!("")), json!({"role": "tool", "tool_call_id": id, "content": ""})];
            assert_eq!(read_calls(&mut messages).unwrap_err().param.as_deref(), Some("messages[1].tool_call_id"));
        }
    }
}
