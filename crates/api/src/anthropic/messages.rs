//! Messages made of blocks.

use serde_json::{Map, Value};

use crate::conversation::messages::{Content, Messages, PastCall};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::pictures;

/// A line that Claude Code begins its system text with. It changes with every request, says nothing to a model, and would
/// have nothing of a prompt found cached.
const BILLING: &str = "x-anthropic-billing-header:";

/// The conversation: what the system says, then messages.
///
/// # Errors
/// Something is not as it has to be, or of a kind that is not read here.
pub fn read(system: Value, list: Vec<Value>) -> Result<Messages, ApiError> {
    let mut messages = Messages::default();
    let system = without_billing(texts(system, "system")?);
    if !system.is_empty() {
        let mut content = Content::default();
        system.into_iter().for_each(|text| content.push_text(text));
        messages.push("system", content);
    }
    if list.is_empty() {
        return Err(ApiError::bad("messages", "`messages` has to have at least one message"));
    }
    for (at, message) in list.into_iter().enumerate() {
        let place = format!("messages[{at}]");
        let mut fields = Fields::within(&place, message)?;
        let role: String = fields.need("role")?;
        let blocks = blocks(fields.need("content")?, &format!("{place}.content"))?;
        fields.end()?;
        match role.as_str() {
            "user" => user(&mut messages, blocks)?,
            "assistant" => model(&mut messages, blocks)?,
            _ => {
                let what = format!("there is no role `{role}`; the system's text is in `system`");
                return Err(ApiError::bad(format!("{place}.role"), what));
            }
        }
    }
    Ok(messages)
}

/// A block, its kind, and where it stands.
struct Block {
    kind: String,
    fields: Fields,
    place: String,
}

/// The blocks of a content; a text is one block.
fn blocks(content: Value, place: &str) -> Result<Vec<Block>, ApiError> {
    let list = match content {
        Value::String(text) => vec![serde_json::json!({ "type": "text", "text": text })],
        Value::Array(list) => list,
        _ => return Err(ApiError::bad(place, "`content` has to be a text or an array of blocks")),
    };
    let block = |(at, block): (usize, Value)| {
        let place = format!("{place}[{at}]");
        let mut fields = Fields::within(&place, block)?;
        // Where a prompt is cached changes nothing of the answer.
        fields.accept(&["cache_control"]);
        Ok(Block { kind: fields.kind()?, fields, place })
    };
    list.into_iter().enumerate().map(block).collect()
}

impl Block {
    fn unread<T>(&self, known: &str) -> Result<T, ApiError> {
        let what = format!("blocks of the type `{}` are not read here; {known} are", self.kind);
        Err(ApiError::bad(format!("{}.type", self.place), what))
    }

    /// Adds text or a picture.
    fn show(mut self, content: &mut Content, messages: &mut Messages) -> Result<(), ApiError> {
        match self.kind.as_str() {
            "text" => {
                content.push_text(self.fields.need::<String>("text")?);
                self.fields.refuse_unless("citations", &[Value::Array(Vec::new())], "there is nothing to cite")?;
            }
            "image" => {
                let place = format!("{}.source", self.place);
                let mut source = Fields::within(&place, self.fields.need("source")?)?;
                let kind = source.kind()?;
                if kind != "base64" {
                    let what =
                        format!("a picture has to be in the request, as `base64`, not `{kind}`: nothing is fetched");
                    return Err(ApiError::bad(format!("{place}.type"), what));
                }
                // What a picture is stands in its own first bytes.
                source.accept(&["media_type"]);
                let data: String = source.need("data")?;
                content.push_picture(pictures::in_base64(&data, &format!("{place}.data"))?, &mut messages.pictures);
                source.end()?;
            }
            _ => return self.unread("`text` and `image`"),
        }
        self.fields.end()
    }
}

/// What the user says, and what tools answer: of these each is a message of its own.
fn user(messages: &mut Messages, blocks: Vec<Block>) -> Result<(), ApiError> {
    let mut said = Content::default();
    for mut block in blocks {
        if block.kind != "tool_result" {
            block.show(&mut said, messages)?;
            continue;
        }
        if !said.is_empty() {
            messages.push("user", std::mem::take(&mut said));
        }
        let id: String = block.fields.need("tool_use_id")?;
        // Templates have no place for it; that something failed stands in what is said of it.
        block.fields.take::<bool>("is_error")?;
        let mut answer = Content::default();
        if let Some(content) = block.fields.take::<Value>("content")? {
            for part in self::blocks(content, &format!("{}.content", block.place))? {
                part.show(&mut answer, messages)?;
            }
        }
        block.fields.end()?;
        if !messages.push_tool(&id, answer) {
            let what = format!("no `tool_use` before it has the id `{id}`");
            return Err(ApiError::bad(format!("{}.tool_use_id", block.place), what));
        }
    }
    if !said.is_empty() {
        messages.push("user", said);
    }
    Ok(())
}

/// What the model said.
fn model(messages: &mut Messages, blocks: Vec<Block>) -> Result<(), ApiError> {
    let (mut reasoning, mut said, mut calls) = (String::new(), Content::default(), Vec::new());
    for mut block in blocks {
        match block.kind.as_str() {
            "thinking" => {
                reasoning.push_str(&block.fields.need::<String>("thinking")?);
                block.fields.accept(&["signature"]);
            }
            "tool_use" => {
                let (id, name) = (block.fields.need("id")?, block.fields.need("name")?);
                let arguments: Map<String, Value> = block.fields.take("input")?.unwrap_or_default();
                block.fields.accept(&["caller"]);
                calls.push(PastCall { id, name, arguments });
            }
            "text" => {
                block.show(&mut said, messages)?;
                continue;
            }
            _ => return block.unread("`text`, `thinking` and `tool_use`"),
        }
        block.fields.end()?;
    }
    messages.push_model(&reasoning, said, calls);
    Ok(())
}

/// A text, or the texts of blocks.
fn texts(value: Value, place: &str) -> Result<Vec<String>, ApiError> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let text = |mut block: Block| {
        if block.kind != "text" {
            return block.unread("`text`");
        }
        let text: String = block.fields.need("text")?;
        block.fields.refuse("citations", "there is nothing to cite")?;
        block.fields.end()?;
        Ok(text)
    };
    blocks(value, place)?.into_iter().map(text).collect()
}

fn without_billing(mut texts: Vec<String>) -> Vec<String> {
    if let Some(first) = texts.first_mut().filter(|first| first.starts_with(BILLING)) {
        let rest = first.split_once('\n').map_or(String::new(), |(_, rest)| rest.trim_start_matches('\n').to_owned());
        *first = rest;
        if first.is_empty() {
            texts.remove(0);
        }
    }
    texts
}
