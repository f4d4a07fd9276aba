//! `POST /v1/chat/completions`

mod answer;
pub mod likelihoods;
mod messages;
mod pieces;
#[cfg(test)]
mod spoken;
pub mod tools;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use plimsoll_engine::TemplateRequest;
use serde_json::{Map, Value, json};

use crate::calls::Language;
use crate::conversation::{self, Answering, Conversation, Format, Thinking, Told};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::models::Models;
use crate::openai::{self, Delivery};
use crate::{pictures, stream};
use answer::{About, Whole};
use pieces::Pieces;

/// Alternatives that a token can be shown with.
const MOST_ALTERNATIVES: usize = 20;

/// Fields of a schema's description. What can be enforced always is, whether `strict` or not.
const DESCRIPTION: [&str; 4] = ["name", "description", "schema", "strict"];

/// Answers a conversation.
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (name, served) = models.find(&fields.need::<String>("model")?).await?;
    let (conversation, delivery) = read(fields, &served.language)?;
    let with_likelihoods = conversation.likelihoods.is_some();
    let Answering { answers, counts, hearing } = conversation.answer(&served).await?;
    let about = About::new(name, hearing, with_likelihoods)?;
    if delivery.stream {
        return Ok(stream::events(answers, counts, Pieces::new(about, counts.n, delivery.include_usage)));
    }
    let mut whole = Whole::new(about, counts.n);
    let usage = stream::collect(answers, counts, |choice, event| whole.hear(choice, &event)).await?;
    Ok(Json(whole.into_json(&usage)).into_response())
}

fn read(mut fields: Fields, language: &Language) -> Result<(Conversation, Delivery), ApiError> {
    fields.accept_only("modalities", &[json!(["text"])])?;
    fields.accept_only("verbosity", &[json!("medium")])?;
    for (name, why) in [
        ("functions", "it was replaced by `tools`"),
        ("function_call", "it was replaced by `tool_choice`"),
        ("audio", "models here write text"),
        ("web_search_options", "nothing is fetched from elsewhere"),
        ("moderation", "nothing is sent elsewhere"),
    ] {
        fields.refuse(name, why)?;
    }
    let alternatives: Option<usize> = fields.take("top_logprobs")?;
    let likelihoods = match (fields.take("logprobs")?.unwrap_or(false), alternatives) {
        (false, Some(_)) => return Err(ApiError::bad("top_logprobs", "`top_logprobs` needs `logprobs: true`")),
        (_, Some(n)) if n > MOST_ALTERNATIVES => {
            let what = format!("`top_logprobs` is {n}, expected 0 to {MOST_ALTERNATIVES}");
            return Err(ApiError::bad("top_logprobs", what));
        }
        (told, alternatives) => told.then_some(alternatives.unwrap_or(0)),
    };
    let format = format(&mut fields)?;
    let mut told = told(&mut fields, language)?;
    if let Some(effort) = fields.take::<String>("reasoning_effort")?
        && let Some(thinking) = Thinking::of_effort(&effort, language)
    {
        thinking.ask(&mut told, language, "reasoning_effort")?;
    }
    // `max_tokens` is the older name.
    let newer: Option<usize> = fields.take("max_completion_tokens")?;
    let (mut generation, delivery) = openai::take(&mut fields)?;
    if let (Some(newer), Some(older)) = (newer, generation.max_tokens)
        && newer != older
    {
        return Err(ApiError::bad("max_tokens", "`max_tokens` and `max_completion_tokens` contradict each other"));
    }
    generation.max_tokens = newer.or(generation.max_tokens);
    fields.end()?;
    Ok((Conversation { told, generation, format, likelihoods }, delivery))
}

/// What an answer has to be.
fn format(fields: &mut Fields) -> Result<Format, ApiError> {
    let Some(mut wanted) = fields.take::<Value>("response_format")? else { return Ok(Format::Text) };
    match wanted["type"].as_str() {
        Some("text") => Ok(Format::Text),
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") => {
            let place = "response_format.json_schema".to_owned();
            let Some(described) = wanted.get_mut("json_schema").and_then(Value::as_object_mut) else {
                return Err(ApiError::bad(place, "`json_schema` has to be an object with a `schema`"));
            };
            described.retain(|_, value| !value.is_null());
            if let Some(name) = described.keys().find(|name| !DESCRIPTION.contains(&name.as_str())) {
                return Err(ApiError::bad(format!("{place}.{name}"), format!("`{name}` is no field of `json_schema`")));
            }
            let schema = described.shift_remove("schema");
            let schema = schema.ok_or_else(|| ApiError::bad(format!("{place}.schema"), "`schema` is missing"))?;
            Ok(Format::Schema { schema, place: format!("{place}.schema") })
        }
        _ => Err(ApiError::bad("response_format", format!("there is no `response_format` {wanted}"))),
    }
}

/// What the model is told, of a request to one that writes `language`.
///
/// # Errors
/// A field is of another kind.
pub fn told(fields: &mut Fields, language: &Language) -> Result<Told, ApiError> {
    let tools = tools::take(fields, language)?;
    let mut messages: Value = fields.need("messages")?;
    messages::check(&mut messages)?;
    let pictures = pictures::taken_out(&mut messages)?;
    let mut request: Map<String, Value> = fields.take("chat_template_kwargs")?.unwrap_or_default();
    conversation::check_variables(&request, "chat_template_kwargs")?;
    request.insert("messages".to_owned(), messages);
    for name in ["add_generation_prompt", "continue_final_message"] {
        if let Some(flag) = fields.take::<bool>(name)? {
            request.insert(name.to_owned(), flag.into());
        }
    }
    Ok(Told { template: TemplateRequest::from_json(Value::Object(request))?, pictures, tools })
}
