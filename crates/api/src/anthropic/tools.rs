//! The tools of a request.

use serde_json::{Value, json};

use crate::calls::Language;
use crate::conversation::tools::{self, Choice, Tool, Tools};
use crate::error::ApiError;
use crate::fields::Fields;

/// Letters that a tool's name may have.
const LONGEST_NAME: usize = 128;

/// Takes the fields of a request to a model that writes `language`.
///
/// # Errors
/// The model knows no tools, or a field is not as it has to be, or asks for what cannot be promised.
pub fn take(fields: &mut Fields, language: &Language) -> Result<Option<Tools>, ApiError> {
    let list: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let (choice, may_repeat) = choice(fields)?;
    let read = list.into_iter().enumerate().map(|(at, tool)| read(tool, &format!("tools[{at}]")));
    let tools = Tools::new(read, choice, language)?;
    Ok(tools.map(|tools| Tools { may_repeat, ..tools }))
}

/// Whether the model is to call, and whether more than once.
fn choice(fields: &mut Fields) -> Result<(Choice, bool), ApiError> {
    let Some(choice) = fields.take("tool_choice")? else { return Ok((Choice::Auto, true)) };
    let mut fields = Fields::within("tool_choice", choice)?;
    let choice = match fields.kind()?.as_str() {
        "auto" => Choice::Auto,
        "none" => Choice::None,
        "any" => Choice::Required,
        "tool" => Choice::Named(fields.need("name")?),
        kind => {
            let what = format!("`type` is `{kind}`, expected `auto`, `any`, `tool` or `none`");
            return Err(ApiError::bad("tool_choice.type", what));
        }
    };
    let is_one = fields.take("disable_parallel_tool_use")?.unwrap_or(false);
    fields.end()?;
    Ok((choice, !is_one))
}

/// A tool as templates read it.
fn read(tool: Value, place: &str) -> Result<Tool, ApiError> {
    let mut fields = Fields::within(place, tool)?;
    if let Some(kind) = fields.take::<String>("type")?.filter(|kind| kind != "custom") {
        let what = format!("tools of type `{kind}` are not run here, only those that the client runs");
        return Err(ApiError::bad(format!("{place}.type"), what));
    }
    let at_name = format!("{place}.name");
    let name = tools::name(fields.take("name")?.as_ref(), LONGEST_NAME, &at_name)?;
    let description: Option<String> = fields.take("description")?;
    let schema: Value = fields.need("input_schema")?;
    if !schema.is_object() {
        return Err(ApiError::bad(
            format!("{place}.input_schema"),
            "`input_schema` has to be a JSON schema, an object",
        ));
    }
    // Where a prompt is cached, and in what pieces a call is sent, changes nothing of it.
    fields.accept(&["cache_control", "eager_input_streaming"]);
    let is_strict = fields.take("strict")?.unwrap_or(false);
    fields.accept_only("defer_loading", &[json!(false)])?;
    fields.accept_only("allowed_callers", &[json!(["direct"])])?;
    fields.refuse("input_examples", "templates have no place for them")?;
    fields.end()?;
    let parameters_at = format!("{place}.input_schema");
    Ok(Tool { parameters_at, is_strict, ..Tool::new(name, description, Some(schema), at_name) })
}
