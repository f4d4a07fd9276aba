//! The tools of a request.

use serde_json::{Value, json};

use crate::calls::Language;
use crate::conversation::tools::{self, Choice, LONGEST_NAME, Tool, Tools};
use crate::error::ApiError;
use crate::fields::Fields;

/// What a request offers the model.
pub struct Offered {
    /// What it may call.
    pub tools: Option<Tools>,
    /// The same as the answer says it back.
    pub shown: Vec<Value>,
    /// Whether it is to call, as the answer says it back.
    pub choice: Value,
    /// Whether it may call more than once.
    pub may_repeat: bool,
    /// Kinds of tools that were left out.
    pub left_out: Vec<String>,
}

/// Takes the fields of a request to a model that writes `language`. Tools that OpenAI's servers would run, or that are no
/// functions, are left out, for agents offer them unasked; the answer says so.
///
/// # Errors
/// The model knows no tools, or a field is not as it has to be, or asks for what cannot be promised.
pub fn take(fields: &mut Fields, language: &Language) -> Result<Offered, ApiError> {
    let list: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let (choice, said) = choice(fields)?;
    let (mut functions, mut left_out) = (Vec::new(), Vec::new());
    for (at, tool) in list.into_iter().enumerate() {
        match tool["type"].as_str() {
            Some("function") => functions.push((at, tool)),
            Some(kind) => left_out.push(kind.to_owned()),
            None => return Err(ApiError::bad(format!("tools[{at}].type"), "a tool needs a `type`")),
        }
    }
    left_out.dedup();
    let shown: Vec<Value> = functions.iter().map(|(_, tool)| said_back(tool)).collect();
    // Without tools there is nothing that could be called twice.
    let may_repeat = fields.take("parallel_tool_calls")?.unwrap_or(true);
    let read = functions.into_iter().map(|(at, tool)| read(tool, &format!("tools[{at}]")));
    let tools = Tools::new(read, choice, language)?.map(|tools| Tools { may_repeat, ..tools });
    Ok(Offered { tools, shown, choice: said, may_repeat, left_out })
}

fn said_back(tool: &Value) -> Value {
    let [name, description, parameters] = ["name", "description", "parameters"].map(|field| &tool[field]);
    let strict = tool["strict"] == true;
    json!({ "type": "function", "name": name, "description": description, "parameters": parameters, "strict": strict })
}

/// Whether the model is to call, read and as it was said.
fn choice(fields: &mut Fields) -> Result<(Choice, Value), ApiError> {
    let Some(said) = fields.take::<Value>("tool_choice")? else { return Ok((Choice::Auto, "auto".into())) };
    let choice = match (said.as_str(), said["name"].as_str()) {
        (Some("auto"), _) => Choice::Auto,
        (Some("none"), _) => Choice::None,
        (Some("required"), _) => Choice::Required,
        (_, Some(name)) if said["type"] == "function" => Choice::Named(name.to_owned()),
        _ => return Err(ApiError::bad("tool_choice", format!("`tool_choice` {said} is not honoured here"))),
    };
    Ok((choice, said))
}

/// A tool as templates read it.
fn read(tool: Value, place: &str) -> Result<Tool, ApiError> {
    let mut fields = Fields::within(place, tool)?;
    fields.accept(&["type"]);
    let at_name = format!("{place}.name");
    let name = tools::name(fields.take("name")?.as_ref(), LONGEST_NAME, &at_name)?;
    let description: Option<String> = fields.take("description")?;
    let parameters: Option<Value> = fields.take("parameters")?;
    if parameters.as_ref().is_some_and(|schema| !schema.is_object()) {
        return Err(ApiError::bad(format!("{place}.parameters"), "`parameters` has to be a JSON schema, an object"));
    }
    let is_strict = fields.take("strict")?.unwrap_or(false);
    fields.accept_only("defer_loading", &[json!(false)])?;
    fields.accept_only("async", &[json!(false)])?;
    fields.accept_only("allowed_callers", &[json!(["direct"])])?;
    fields.refuse("output_schema", "templates have no place for it")?;
    fields.end()?;
    let parameters_at = format!("{place}.parameters");
    Ok(Tool { parameters_at, is_strict, ..Tool::new(name, description, parameters, at_name) })
}
