//! Anthropic's API: `POST /v1/messages` and `POST /v1/messages/count_tokens`.

mod answer;
mod messages;
mod tools;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::calls::Language;
use crate::conversation::{Answering, Conversation, Format, Thinking, Told};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::generation::{Generation, in_range, stops};
use crate::models::Models;
use crate::stream;
use answer::Message;

/// Tokens that thinking may have at least, as Anthropic has it.
const LEAST_BUDGET: usize = 1024;

/// Answers a conversation.
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (name, served) = models.find(&fields.need::<String>("model")?).await?;
    let stream = fields.take("stream")?.unwrap_or(false);
    let conversation = read(fields, &served.language)?;
    let stops = conversation.generation.stops.clone();
    let answering = conversation.answer(&served).await;
    let Answering { answers, counts, hearing } =
        answering.map_err(|error| error.renamed("response_format", "output_config.format"))?;
    let mut message = Message::new(name, hearing, &stops)?;
    if stream {
        return Ok(stream::events(answers, counts, message));
    }
    let usage = stream::collect(answers, counts, |_, event| drop(message.take_in(&event))).await?;
    Ok(Json(message.whole(&usage)).into_response())
}

/// Tells how many tokens a conversation takes as a prompt.
pub async fn count_tokens(State(models): State<Arc<Models>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (_, served) = models.find(&fields.need::<String>("model")?).await?;
    let (told, _) = told(&mut fields, &served.language, None)?;
    fields.end()?;
    Ok(Json(json!({ "input_tokens": told.tokens(&served).await? })))
}

fn read(mut fields: Fields, language: &Language) -> Result<Conversation, ApiError> {
    fields.accept(&["metadata", "user_profile_id", "workspace_id"]);
    fields.accept_only("service_tier", &[json!("auto"), json!("standard_only")])?;
    for (name, why) in [
        ("container", "nothing is run here"),
        ("mcp_servers", "nothing is fetched from elsewhere"),
        ("inference_geo", "the answer is computed on this machine"),
        ("diagnostics", "caches are not told of"),
    ] {
        fields.refuse(name, why)?;
    }
    // What keeps all the thinking there is asks for nothing.
    let kept = json!({ "type": "clear_thinking_20251015", "keep": "all" });
    fields.accept_only("context_management", &[json!({ "edits": [] }), json!({ "edits": [kept] })])?;
    let max_tokens = fields.need("max_tokens")?;
    let (told, format) = told(&mut fields, language, Some(max_tokens))?;
    let generation = Generation {
        temperature: in_range(&mut fields, "temperature", 0.0, 1.0)?,
        top_p: fields.take("top_p")?,
        top_k: fields.take("top_k")?,
        stops: stops("stop_sequences", fields.take("stop_sequences")?.unwrap_or_default())?,
        max_tokens: Some(max_tokens),
        ..Generation::new()?
    };
    fields.end()?;
    Ok(Conversation { told, generation, format, likelihoods: None })
}

/// What the model is told, and what its answer has to be: the fields that counting tokens has too.
fn told(fields: &mut Fields, language: &Language, max_tokens: Option<usize>) -> Result<(Told, Format), ApiError> {
    fields.accept(&["cache_control"]);
    fields.accept_only("speed", &[json!("standard")])?;
    let system = fields.take("system")?.unwrap_or(Value::Null);
    let messages = messages::read(system, fields.need("messages")?)?;
    let mut told = messages.told(tools::take(fields, language)?);
    if let Some(thinking) = fields.take("thinking")?
        && let Some(thinking) = wanted(thinking, max_tokens)?
    {
        thinking.ask(&mut told, language, "thinking")?;
    }
    let Some(config) = fields.take("output_config")? else { return Ok((told, Format::Text)) };
    let mut config = Fields::within("output_config", config)?;
    // `high` is what happens where nothing is said.
    if let Some(effort) = config.take::<String>("effort")?.filter(|effort| effort != "high") {
        Thinking::Effort(effort).ask(&mut told, language, "output_config.effort")?;
    }
    let format = match config.take("format")? {
        Some(format) => {
            let mut format = Fields::within("output_config.format", format)?;
            format.accept_only("type", &[json!("json_schema")])?;
            let schema = format.need("schema")?;
            format.end()?;
            Format::Schema { schema, place: "output_config.format.schema".to_owned() }
        }
        None => Format::Text,
    };
    config.end()?;
    Ok((told, format))
}

/// What is wanted of thinking; nothing where it is left to the model.
fn wanted(thinking: Value, max_tokens: Option<usize>) -> Result<Option<Thinking>, ApiError> {
    let mut fields = Fields::within("thinking", thinking)?;
    let kind = fields.kind()?;
    fields.accept_only("display", &[json!("summarized")])?;
    let wanted = match kind.as_str() {
        "adaptive" => None,
        "disabled" => Some(Thinking::Off),
        "enabled" => {
            // A target by Anthropic's own words: nothing counts the tokens while the model thinks.
            let budget: usize = fields.need("budget_tokens")?;
            let most = max_tokens.unwrap_or(usize::MAX);
            if !(LEAST_BUDGET..most).contains(&budget) {
                let what =
                    format!("`budget_tokens` is {budget}, expected {LEAST_BUDGET} or more and less than `max_tokens`");
                return Err(ApiError::bad("thinking.budget_tokens", what));
            }
            Some(Thinking::On)
        }
        kind => {
            let what = format!("`type` is `{kind}`, expected `enabled`, `disabled` or `adaptive`");
            return Err(ApiError::bad("thinking.type", what));
        }
    };
    fields.end()?;
    Ok(wanted)
}
