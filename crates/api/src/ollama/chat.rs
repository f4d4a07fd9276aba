//! `POST /api/chat`

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::answer::{Answer, Shape};
use super::{Asked, find, options, pictures, take_common, take_likelihoods, take_stream};
use crate::calls::Language;
use crate::chat::tools::tool;
use crate::conversation::Conversation;
use crate::conversation::messages::{Content, Messages, PastCall};
use crate::conversation::tools::{Choice, Tools};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::models::Models;
use crate::served::Served;

/// Answers a conversation.
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let Asked { name, entry, served } = find(&models, &fields.need::<String>("model")?).await?;
    take_common(&mut fields, entry)?;
    let stream = take_stream(&mut fields)?;
    match read(fields, &served)? {
        None => Ok(Json(Answer::loaded(name, Shape::Chat)).into_response()),
        Some(conversation) => {
            let answering = conversation.answer(&served).await;
            let answering = answering.map_err(|error| error.renamed("response_format", "format"))?;
            Answer::send(name, Shape::Chat, answering, stream).await
        }
    }
}

/// The conversation; none where there are no messages, which asks for the model to be loaded.
fn read(mut fields: Fields, served: &Served) -> Result<Option<Conversation>, ApiError> {
    let list: Vec<Value> = fields.take("messages")?.unwrap_or_default();
    let is_empty = list.is_empty();
    let messages = messages(list, &served.language)?;
    let tools = tools(&mut fields, &served.language)?;
    let mut told = messages.told(tools);
    options::take_think(&mut fields, &mut told, &served.language)?;
    let format = options::take_format(&mut fields)?;
    let likelihoods = take_likelihoods(&mut fields)?;
    let generation = options::take(&mut fields, served)?;
    fields.end()?;
    Ok((!is_empty).then_some(Conversation { told, generation, format, likelihoods }))
}

fn tools(fields: &mut Fields, language: &Language) -> Result<Option<Tools>, ApiError> {
    let list: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let read = list.into_iter().enumerate().map(|(at, mut definition)| {
        // Ollama's own client leaves out what can only be `function`.
        if let Value::Object(tool) = &mut definition {
            tool.entry("type").or_insert_with(|| "function".into());
        }
        tool(definition, &format!("tools[{at}]"))
    });
    Tools::new(read, Choice::Auto, language)
}

fn messages(list: Vec<Value>, language: &Language) -> Result<Messages, ApiError> {
    let mut messages = Messages::default();
    for (at, message) in list.into_iter().enumerate() {
        let place = format!("messages[{at}]");
        let mut fields = Fields::within(&place, message)?;
        let role: String = fields.need("role")?;
        let mut content = Content::default();
        for picture in pictures(fields.take("images")?.unwrap_or_default(), &format!("{place}.images"))? {
            content.push_picture(picture, &mut messages.pictures);
        }
        content.push_text(fields.take::<String>("content")?.unwrap_or_default());
        match role.as_str() {
            "system" | "user" => messages.push(&role, content),
            "assistant" => {
                let reasoning: String = fields.take("thinking")?.unwrap_or_default();
                let calls: Vec<Value> = fields.take("tool_calls")?.unwrap_or_default();
                let first = messages.calls();
                let call = |(index, call)| {
                    let id = language.call_id(0, first + index);
                    past_call(call, id, &format!("{place}.tool_calls[{index}]"))
                };
                let calls = calls.into_iter().enumerate().map(call).collect::<Result<Vec<_>, _>>()?;
                messages.push_model(&reasoning, content, calls);
            }
            "tool" => {
                let (id, tool) = (fields.take::<String>("tool_call_id")?, fields.take::<String>("tool_name")?);
                let tool = fields.take::<String>("name")?.or(tool);
                let id = id.or_else(|| messages.unanswered(tool.as_deref()));
                if !id.is_some_and(|id| messages.push_tool(&id, content)) {
                    return Err(ApiError::bad(place, "no call before it is what this message answers"));
                }
            }
            _ => return Err(ApiError::bad(format!("{place}.role"), format!("there is no role `{role}`"))),
        }
        fields.end()?;
    }
    Ok(messages)
}

/// A call; `id` is its name where it brings none.
fn past_call(call: Value, id: String, place: &str) -> Result<PastCall, ApiError> {
    let mut call = Fields::within(place, call)?;
    let id = call.take("id")?.unwrap_or(id);
    call.accept_only("type", &["function".into()])?;
    let mut function = Fields::within(&format!("{place}.function"), call.need("function")?)?;
    call.end()?;
    let (name, arguments) = (function.need("name")?, function.take::<Map<String, Value>>("arguments")?);
    function.accept(&["index"]);
    function.end()?;
    Ok(PastCall { id, name, arguments: arguments.unwrap_or_default() })
}
