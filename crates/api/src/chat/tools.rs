//! The tools of a request, and the calls in its messages.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::calls::Language;
use crate::error::ApiError;
use crate::fields::Fields;

/// Tools that one request may have, as OpenAI has it.
const MOST_TOOLS: usize = 128;
/// Letters that a tool's name may have.
const LONGEST_NAME: usize = 64;
/// Why an answer cannot be made to call.
const UNCONSTRAINED: &str = "answers cannot be constrained yet, so nothing can make the model call";

/// What a model may call.
#[derive(Debug, Clone)]
pub struct Tools {
    /// The definitions, as the template gets them.
    pub definitions: Vec<Value>,
    /// Their names.
    pub names: Vec<String>,
    /// Whether calls are looked for.
    pub may_call: bool,
}

impl Tools {
    /// Takes the fields of a request to a model that writes `language`.
    ///
    /// # Errors
    /// The model knows no tools, or a field is not as it has to be, or asks for what cannot be promised.
    pub fn take(fields: &mut Fields, language: &Language) -> Result<Option<Tools>, ApiError> {
        let definitions: Vec<Value> = fields.take("tools")?.unwrap_or_default();
        let may_call = choice(fields)?;
        if definitions.is_empty() {
            fields.refuse("parallel_tool_calls", "there are no tools")?;
            return Ok(None);
        }
        fields.accept_only("parallel_tool_calls", &[json!(true)])?;
        if language.dialect.is_none() {
            let what = "the model's template shows it no tools, or has no format of calls that is read here";
            return Err(ApiError::bad("tools", what));
        }
        if definitions.len() > MOST_TOOLS {
            let what = format!("`tools` has {} tools, expected at most {MOST_TOOLS}", definitions.len());
            return Err(ApiError::bad("tools", what));
        }
        let mut names = Vec::new();
        let mut read = Vec::new();
        for (at, definition) in definitions.into_iter().enumerate() {
            let place = format!("tools[{at}]");
            let (name, definition) = tool(definition, &place)?;
            if names.contains(&name) {
                let what = format!("two tools are called `{name}`");
                return Err(ApiError::bad(format!("{place}.function.name"), what));
            }
            names.push(name);
            read.push(definition);
        }
        Ok(Some(Tools { definitions: read, names, may_call }))
    }
}

/// Whether calls are to be looked for.
fn choice(fields: &mut Fields) -> Result<bool, ApiError> {
    match fields.take::<Value>("tool_choice")? {
        None => Ok(true),
        Some(choice) if choice == "auto" => Ok(true),
        Some(choice) if choice == "none" => Ok(false),
        Some(choice) if choice == "required" || choice.is_object() => {
            Err(ApiError::bad("tool_choice", format!("`tool_choice` can be `none` or `auto` here: {UNCONSTRAINED}")))
        }
        Some(other) => Err(ApiError::bad("tool_choice", format!("there is no `tool_choice` {other}"))),
    }
}

/// A definition and its name.
fn tool(definition: Value, place: &str) -> Result<(String, Value), ApiError> {
    let bad = |field: &str, what: String| Err(ApiError::bad(format!("{place}{field}"), what));
    let Value::Object(mut tool) = definition else { return bad("", "a tool has to be an object".to_owned()) };
    match tool.get("type").and_then(Value::as_str) {
        Some("function") => {}
        Some(kind) => return bad(".type", format!("tools of type `{kind}` are not run here, only `function`")),
        None => return bad(".type", "a tool needs a `type`, which is `function`".to_owned()),
    }
    let Some(Value::Object(mut function)) = tool.shift_remove("function") else {
        return bad(".function", "a tool needs a `function`, an object".to_owned());
    };
    if let Some(field) = tool.keys().find(|field| *field != "type") {
        return bad(&format!(".{field}"), format!("`{field}` is no field of a tool"));
    }
    function.retain(|_, value| !value.is_null());
    let name = match function.get("name").and_then(Value::as_str) {
        Some(name) if is_name(name) => name.to_owned(),
        _ => {
            let what = format!("a function needs a `name` of 1 to {LONGEST_NAME} letters, digits, `_` and `-`");
            return bad(".function.name", what);
        }
    };
    check_function(&function, place)?;
    function.shift_remove("strict");
    tool.insert("function".to_owned(), Value::Object(function));
    Ok((name, Value::Object(tool)))
}

fn is_name(name: &str) -> bool {
    let may_stand = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'_' || letter == b'-';
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(may_stand)
}

fn check_function(function: &Map<String, Value>, place: &str) -> Result<(), ApiError> {
    for (field, value) in function {
        let expected = match field.as_str() {
            "name" => continue,
            "description" if !value.is_string() => "has to be a text",
            "parameters" if !value.is_object() => "has to be a JSON schema, an object",
            "strict" if *value != json!(false) => "can only be `false` here: answers cannot be constrained yet",
            "description" | "parameters" | "strict" => continue,
            _ => "is no field of a function",
        };
        return Err(ApiError::bad(format!("{place}.function.{field}"), format!("`{field}` {expected}")));
    }
    Ok(())
}

/// Makes the calls in messages what templates read, with arguments that are objects, and checks that what a tool answered
/// was asked of it.
///
/// # Errors
/// A call is not as it has to be, or a tool's message answers none.
pub fn read_calls(messages: &mut [Value]) -> Result<(), ApiError> {
    let mut called: HashSet<String> = HashSet::new();
    for (at, message) in messages.iter_mut().enumerate() {
        let place = format!("messages[{at}]");
        if message["role"] == "tool" {
            let id = message["tool_call_id"].as_str();
            if id.is_none_or(|id| !called.contains(id)) {
                let what = match id {
                    None => "a tool's message needs a `tool_call_id`".to_owned(),
                    Some(id) => format!("no call before it has the id `{id}`"),
                };
                return Err(ApiError::bad(format!("{place}.tool_call_id"), what));
            }
            continue;
        }
        let Some(calls) = message.get_mut("tool_calls").filter(|calls| !calls.is_null()) else { continue };
        let Some(calls) = calls.as_array_mut() else {
            return Err(ApiError::bad(format!("{place}.tool_calls"), "`tool_calls` has to be an array"));
        };
        for (index, call) in calls.iter_mut().enumerate() {
            called.insert(read_call(call, &format!("{place}.tool_calls[{index}]"))?);
        }
    }
    Ok(())
}

/// Its id.
fn read_call(call: &mut Value, place: &str) -> Result<String, ApiError> {
    let bad = |field: &str, what: &str| ApiError::bad(format!("{place}{field}"), what);
    let Value::Object(call) = call else { return Err(bad("", "a call has to be an object")) };
    let id = call.get("id").and_then(Value::as_str).ok_or_else(|| bad(".id", "a call needs an `id`"))?.to_owned();
    if call.get("type").is_some_and(|kind| kind != "function") {
        return Err(bad(".type", "only calls of type `function` are known"));
    }
    let Some(Value::Object(function)) = call.get_mut("function") else {
        return Err(bad(".function", "a call needs a `function`, an object"));
    };
    if function.get("name").is_none_or(|name| !name.is_string()) {
        return Err(bad(".function.name", "a call needs the `name` of its function"));
    }
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
    Ok(id)
}

#[cfg(test)]
mod tests {
    use plimsoll_engine::ChatTemplate;

    use super::*;

    fn language() -> Language {
        let source = "{{ tools | tojson if tools else '' }}{{ '<tool_call>' }}";
        Language::of_template(&ChatTemplate::new::<&str, &str>(source, []).unwrap())
    }

    fn taken(body: Value) -> Result<Option<Tools>, ApiError> {
        Tools::take(&mut Fields::of_body(body.to_string().as_bytes()).unwrap(), &language())
    }

    fn function(function: Value) -> Value {
        json!({"tools": [{"type": "function", "function": function}]})
    }

    #[test]
    fn tools_are_read_and_what_cannot_be_promised_is_refused_by_name() {
        let tools = taken(function(json!({"name": "f", "description": null, "strict": false}))).unwrap().unwrap();
        assert_eq!((tools.names, tools.may_call), (vec!["f".to_owned()], true));
        assert_eq!(tools.definitions, [json!({"type": "function", "function": {"name": "f"}})]);
        assert!(taken(json!({"tools": [], "tool_choice": "auto"})).unwrap().is_none());
        for (body, param) in [
            (json!({"tools": {}}), "tools"),
            (json!({"tools": [1]}), "tools[0]"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
            (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
            (function(json!({"name": "a b"})), "tools[0].function.name"),
            (function(json!({"name": "f", "strict": true})), "tools[0].function.strict"),
            (function(json!({"name": "f", "parameters": []})), "tools[0].function.parameters"),
            (function(json!({"name": "f", "params": {}})), "tools[0].function.params"),
            (json!({"tool_choice": "required"}), "tool_choice"),
            (json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}), "tool_choice"),
            (json!({"tool_choice": 1}), "tool_choice"),
            (json!({"parallel_tool_calls": true}), "parallel_tool_calls"),
        ] {
            assert_eq!(taken(body.clone()).unwrap_err().param.as_deref(), Some(param), "{body}");
        }
        let twice = json!({"type": "function", "function": {"name": "f"}});
        let twice = taken(json!({"tools": [twice, twice]})).unwrap_err();
        assert_eq!(twice.param.as_deref(), Some("tools[1].function.name"));
        let mut alone = function(json!({"name": "f"}));
        alone["parallel_tool_calls"] = json!(false);
        assert_eq!(taken(alone).unwrap_err().param.as_deref(), Some("parallel_tool_calls"));
    }

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
