//! The tools of a request.

use serde_json::{Map, Value, json};

use crate::calls::Language;
use crate::conversation::tools::{self, Choice, LONGEST_NAME, Tool, Tools};
use crate::error::ApiError;
use crate::fields::Fields;

/// Takes the fields of a request to a model that writes `language`.
///
/// # Errors
/// The model knows no tools, or a field is not as it has to be, or asks for what cannot be promised.
pub fn take(fields: &mut Fields, language: &Language) -> Result<Option<Tools>, ApiError> {
    let definitions: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let choice = choice(fields)?;
    if definitions.is_empty() {
        fields.refuse("parallel_tool_calls", "there are no tools")?;
    }
    let may_repeat = fields.take("parallel_tool_calls")?.unwrap_or(true);
    let read = definitions.into_iter().enumerate().map(|(at, definition)| tool(definition, &format!("tools[{at}]")));
    let tools = Tools::new(read, choice, language)?;
    Ok(tools.map(|tools| Tools { may_repeat, ..tools }))
}

/// Whether the model is to call.
fn choice(fields: &mut Fields) -> Result<Choice, ApiError> {
    let Some(choice) = fields.take::<Value>("tool_choice")? else { return Ok(Choice::Auto) };
    match (choice.as_str(), choice["function"]["name"].as_str()) {
        (Some("auto"), _) => Ok(Choice::Auto),
        (Some("none"), _) => Ok(Choice::None),
        (Some("required"), _) => Ok(Choice::Required),
        (_, Some(name)) if choice["type"] == "function" => Ok(Choice::Named(name.to_owned())),
        _ => Err(ApiError::bad("tool_choice", format!("there is no `tool_choice` {choice}"))),
    }
}

/// A tool as OpenAI and Ollama define it.
///
/// # Errors
/// It is not as it has to be, or asks for what cannot be promised.
pub fn tool(definition: Value, place: &str) -> Result<Tool, ApiError> {
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
    let at_name = format!("{place}.function.name");
    let name = tools::name(function.get("name"), LONGEST_NAME, &at_name)?;
    check_function(&function, place)?;
    let is_strict = function.shift_remove("strict") == Some(json!(true));
    tool.insert("function".to_owned(), Value::Object(function));
    let parameters_at = format!("{place}.function.parameters");
    Ok(Tool { name, definition: Value::Object(tool), place: at_name, parameters_at, is_strict })
}

fn check_function(function: &Map<String, Value>, place: &str) -> Result<(), ApiError> {
    for (field, value) in function {
        let expected = match field.as_str() {
            "name" => continue,
            "description" if !value.is_string() => "has to be a text",
            "parameters" if !value.is_object() => "has to be a JSON schema, an object",
            "strict" if !value.is_boolean() => "has to be `true` or `false`",
            "description" | "parameters" | "strict" => continue,
            _ => "is no field of a function",
        };
        return Err(ApiError::bad(format!("{place}.function.{field}"), format!("`{field}` {expected}")));
    }
    Ok(())
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
        take(&mut Fields::of_body(body.to_string().as_bytes()).unwrap(), &language())
    }

    fn function(function: Value) -> Value {
        json!({"tools": [{"type": "function", "function": function}]})
    }

    #[test]
    fn tools_are_read_and_what_cannot_be_promised_is_refused_by_name() {
        let tools = taken(function(json!({"name": "f", "description": null, "strict": false}))).unwrap().unwrap();
        let callable: Vec<String> = tools.callable().unwrap().iter().map(|tool| tool.name.clone()).collect();
        assert_eq!((callable, tools.choice.clone()), (vec!["f".to_owned()], Choice::Auto));
        assert_eq!(tools.definitions(), [json!({"type": "function", "function": {"name": "f"}})]);
        assert!(taken(json!({"tools": [], "tool_choice": "auto"})).unwrap().is_none());
        for (body, param) in [
            (json!({"tools": {}}), "tools"),
            (json!({"tools": [1]}), "tools[0]"),
            (json!({"tools": [{"type": "web_search"}]}), "tools[0].type"),
            (json!({"tools": [{"type": "function"}]}), "tools[0].function"),
            (function(json!({"name": "a b"})), "tools[0].function.name"),
            (function(json!({"name": "f", "strict": 1})), "tools[0].function.strict"),
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
        let mut another = function(json!({"name": "f"}));
        another["tool_choice"] = json!({"type": "function", "function": {"name": "g"}});
        assert_eq!(taken(another).unwrap_err().param.as_deref(), Some("tool_choice"));
    }
}
