//! A conversation made of items.

use serde_json::{Map, Value};

use crate::conversation::messages::{Content, Messages, PastCall};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::pictures;

/// What the model said in items that follow one another: one message to a template.
#[derive(Default)]
struct Said {
    reasoning: String,
    content: Content,
    calls: Vec<PastCall>,
    has_any: bool,
}

/// The conversation: `instructions`, then a text or items.
///
/// # Errors
/// Something is not as it has to be, or of a kind that is not read here.
pub fn read(instructions: Option<&str>, input: Value) -> Result<Messages, ApiError> {
    let mut messages = Messages::default();
    if let Some(instructions) = instructions {
        messages.push_system(Content::text(instructions));
    }
    let items = match input {
        Value::String(text) => {
            messages.push("user", Content::text(text));
            return Ok(messages);
        }
        Value::Array(items) if !items.is_empty() => items,
        _ => return Err(ApiError::bad("input", "`input` has to be a text, or an array with at least one item")),
    };
    let mut said = Said::default();
    for (at, item) in items.into_iter().enumerate() {
        let place = format!("input[{at}]");
        let mut fields = Fields::within(&place, item)?;
        // Names and states of items that were answered before.
        fields.accept(&["id", "status"]);
        let kind = fields.take::<String>("type")?.unwrap_or_else(|| "message".to_owned());
        match kind.as_str() {
            "message" => message(&mut fields, &place, &mut messages, &mut said)?,
            "reasoning" => reasoning(&mut fields, &place, &mut messages, &mut said)?,
            "function_call" => {
                said.calls.push(call(&mut fields, &place)?);
                said.has_any = true;
            }
            "function_call_output" => {
                said.end(&mut messages);
                let id: String = fields.need("call_id")?;
                fields.accept(&["name"]);
                let output = content(fields.need("output")?, &format!("{place}.output"), &mut messages)?;
                if !messages.push_tool(&id, output) {
                    let what = format!("no `function_call` before it has the id `{id}`");
                    return Err(ApiError::bad(format!("{place}.call_id"), what));
                }
            }
            "item_reference" => {
                return Err(ApiError::bad(place, "nothing is stored that could be referred to: send the item itself"));
            }
            kind => {
                let what = format!("items of the type `{kind}` are not read here");
                return Err(ApiError::bad(format!("{place}.type"), what));
            }
        }
        fields.end()?;
    }
    said.end(&mut messages);
    Ok(messages)
}

impl Said {
    /// Makes a message of it, if there is any.
    fn end(&mut self, messages: &mut Messages) {
        let Said { reasoning, content, calls, has_any } = std::mem::take(self);
        if has_any {
            messages.push_model(&reasoning, content, calls);
        }
    }
}

fn message(fields: &mut Fields, place: &str, messages: &mut Messages, said: &mut Said) -> Result<(), ApiError> {
    let role: String = fields.need("role")?;
    fields.accept(&["phase"]);
    let given: Value = fields.need("content")?;
    if role == "assistant" && said.content.is_empty() && said.calls.is_empty() {
        said.content = content(given, &format!("{place}.content"), messages)?;
        said.has_any = true;
        return Ok(());
    }
    said.end(messages);
    let content = content(given, &format!("{place}.content"), messages)?;
    match role.as_str() {
        "assistant" => *said = Said { content, has_any: true, ..Said::default() },
        "user" => messages.push("user", content),
        // Templates call a developer's the system's.
        "system" | "developer" => messages.push_system(content),
        _ => return Err(ApiError::bad(format!("{place}.role"), format!("there is no role `{role}`"))),
    }
    Ok(())
}

fn reasoning(fields: &mut Fields, place: &str, messages: &mut Messages, said: &mut Said) -> Result<(), ApiError> {
    if !said.content.is_empty() || !said.calls.is_empty() {
        said.end(messages);
    }
    // A summary says less than the reasoning itself, and what another server encrypted cannot be read.
    let summary: Vec<Value> = fields.take("summary")?.unwrap_or_default();
    fields.refuse("encrypted_content", "it can be read by the server alone that wrote it")?;
    let parts: Vec<Value> = fields.take("content")?.unwrap_or_default();
    if parts.is_empty() && !summary.is_empty() {
        return Err(ApiError::bad(
            format!("{place}.summary"),
            "reasoning is read from its `content`, not from a summary",
        ));
    }
    for (at, part) in parts.into_iter().enumerate() {
        let mut part = Fields::within(&format!("{place}.content[{at}]"), part)?;
        part.accept_only("type", &["reasoning_text".into()])?;
        said.reasoning.push_str(&part.need::<String>("text")?);
        part.end()?;
    }
    said.has_any |= !said.reasoning.is_empty();
    Ok(())
}

fn call(fields: &mut Fields, place: &str) -> Result<PastCall, ApiError> {
    let (id, name) = (fields.need("call_id")?, fields.need("name")?);
    let text: String = fields.need("arguments")?;
    let arguments: Option<Map<String, Value>> =
        if text.trim().is_empty() { Some(Map::new()) } else { serde_json::from_str(&text).ok() };
    let what = "`arguments` has to be the text of a JSON object";
    let arguments = arguments.ok_or_else(|| ApiError::bad(format!("{place}.arguments"), what))?;
    Ok(PastCall { id, name, arguments })
}

/// A text, or parts that are text and pictures.
fn content(given: Value, place: &str, messages: &mut Messages) -> Result<Content, ApiError> {
    let parts = match given {
        Value::String(text) => return Ok(Content::text(text)),
        Value::Array(parts) => parts,
        _ => return Err(ApiError::bad(place, "it has to be a text or an array of parts")),
    };
    let mut content = Content::default();
    for (at, part) in parts.into_iter().enumerate() {
        let place = format!("{place}[{at}]");
        let mut part = Fields::within(&place, part)?;
        match part.kind()?.as_str() {
            "input_text" | "output_text" => {
                content.push_text(part.need::<String>("text")?);
                // What an answer had beside its text.
                part.accept(&["annotations", "logprobs"]);
            }
            "refusal" => content.push_text(part.need::<String>("refusal")?),
            "input_image" => {
                part.refuse("file_id", "no files are stored: send the picture in `image_url`")?;
                part.accept_only("detail", &["auto".into(), "high".into()])?;
                let url: String = part.need("image_url")?;
                content.push_picture(pictures::in_url(&url, &format!("{place}.image_url"))?, &mut messages.pictures);
            }
            kind => {
                let what = format!("parts of the type `{kind}` are not read here; `input_text` and `input_image` are");
                return Err(ApiError::bad(format!("{place}.type"), what));
            }
        }
        part.end()?;
    }
    Ok(content)
}
