//! `POST /v1/responses`, without a memory: every request brings its whole conversation.

mod answer;
mod input;
mod item;
mod tools;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::calls::Language;
use crate::conversation::{Answering, Conversation, Format, Thinking, Told};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::generation::{Generation, in_range};
use crate::models::Models;
use crate::openai::WITHOUT_EFFECT;
use crate::stream;
use answer::Answer;
use tools::Offered;

/// The name under which `metadata` tells which tools were left out.
const LEFT_OUT: &str = "tools_left_out";

/// What was asked, as the answer says it back.
pub struct Asked {
    instructions: Value,
    max_output_tokens: Option<usize>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    reasoning: Value,
    text: Value,
    tools: Vec<Value>,
    tool_choice: Value,
    once: bool,
    metadata: Map<String, Value>,
}

struct Request {
    conversation: Conversation,
    asked: Asked,
    left_out: Vec<String>,
    stream: bool,
}

/// Answers a conversation.
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (name, served) = models.find(&fields.need::<String>("model")?)?;
    let Request { conversation, asked, left_out, stream } = read(fields, &served.language)?;
    let renamed = |error: ApiError| error.renamed("messages", "input").renamed("response_format", "text.format");
    let Answering { answers, counts, hearing } = conversation.answer(&served).await.map_err(renamed)?;
    let mut answer = Answer::new(name, asked, hearing)?;
    let mut response = if stream {
        stream::events(answers, counts, answer)
    } else {
        let usage = stream::collect(answers, counts, |_, event| drop(answer.take_in(&event))).await?;
        Json(answer.whole(Some(&usage))).into_response()
    };
    if !left_out.is_empty()
        && let Ok(warning) = HeaderValue::from_str(&format!("299 - \"tools left out: {}\"", left_out.join(", ")))
    {
        response.headers_mut().insert(HeaderName::from_static("warning"), warning);
    }
    Ok(response)
}

fn read(mut fields: Fields, language: &Language) -> Result<Request, ApiError> {
    refuse_and_accept(&mut fields)?;
    let stream = fields.take("stream")?.unwrap_or(false);
    if let Some(options) = fields.take("stream_options")? {
        let mut options = Fields::within("stream_options", options)?;
        options.accept_only("include_obfuscation", &[json!(false)])?;
        options.end()?;
    }
    let mut metadata: Map<String, Value> = fields.take("metadata")?.unwrap_or_default();
    let instructions: Option<String> = fields.take("instructions")?;
    let messages = input::read(instructions.as_deref(), fields.need("input")?)?;
    let Offered { tools, shown, choice, once, left_out } = tools::take(&mut fields, language)?;
    let mut told = messages.told(tools);
    let reasoning = take_reasoning(&mut fields, &mut told, language)?;
    let (format, text) = take_text(&mut fields)?;
    let generation = Generation {
        temperature: in_range(&mut fields, "temperature", 0.0, 2.0)?,
        top_p: fields.take("top_p")?,
        max_tokens: fields.take("max_output_tokens")?,
        ..Generation::new()?
    };
    fields.end()?;
    if !left_out.is_empty() {
        metadata.insert(LEFT_OUT.to_owned(), left_out.join(", ").into());
    }
    let asked = Asked {
        instructions: instructions.into(),
        max_output_tokens: generation.max_tokens,
        temperature: generation.temperature,
        top_p: generation.top_p,
        reasoning,
        text,
        tools: shown,
        tool_choice: choice,
        once,
        metadata,
    };
    Ok(Request { conversation: Conversation { told, generation, format, likelihoods: None }, asked, left_out, stream })
}

/// What asks for nothing, and what is not honoured.
fn refuse_and_accept(fields: &mut Fields) -> Result<(), ApiError> {
    for (name, why) in [
        ("previous_response_id", "nothing is stored: send the whole conversation as `input`"),
        ("conversation", "nothing is stored: send the whole conversation as `input`"),
        ("prompt", "no prompts are stored"),
        ("context_management", "nothing of a prompt is cut"),
        ("moderation", "nothing is sent elsewhere"),
        ("access_programs", "there are none"),
        ("image", "pictures are shown to the model as they are"),
        ("top_logprobs", "likelihoods are told by chat and completions"),
    ] {
        fields.refuse(name, why)?;
    }
    fields.accept_only("store", &[json!(false)])?;
    fields.accept_only("background", &[json!(false)])?;
    fields.accept_only("truncation", &[json!("disabled")])?;
    fields.accept_only("service_tier", &[json!("auto"), json!("default")])?;
    // How often tools may be called that run here, of which there are none; who asks; hints for caches.
    fields.accept(&["max_tool_calls", "client_metadata"]);
    fields.accept(WITHOUT_EFFECT.iter().filter(|name| **name != "metadata").copied().collect::<Vec<_>>().as_slice());
    for (at, what) in fields.take::<Vec<String>>("include")?.unwrap_or_default().iter().enumerate() {
        // Reasoning is sent in full: there is nothing to encrypt.
        if what != "reasoning.encrypted_content" {
            return Err(ApiError::bad(
                format!("include[{at}]"),
                format!("`{what}` is nothing that an answer here has"),
            ));
        }
    }
    Ok(())
}

/// How the model is to think; the same as the answer says it back.
fn take_reasoning(fields: &mut Fields, told: &mut Told, language: &Language) -> Result<Value, ApiError> {
    let Some(reasoning) = fields.take("reasoning")? else { return Ok(json!({ "effort": null, "summary": null })) };
    let mut reasoning = Fields::within("reasoning", reasoning)?;
    // Reasoning itself is told, and needs none.
    for name in ["summary", "generate_summary"] {
        reasoning.accept_only(name, &[json!("auto")])?;
    }
    reasoning.accept_only("context", &[json!("auto")])?;
    reasoning.accept_only("mode", &[json!("standard")])?;
    let effort: Option<String> = reasoning.take("effort")?;
    reasoning.end()?;
    if let Some(effort) = &effort {
        Thinking::of_effort(effort, language).map_or(Ok(()), |it| it.ask(told, language, "reasoning.effort"))?;
    }
    Ok(json!({ "effort": effort, "summary": null }))
}

/// What the answer has to be; the same as the answer says it back.
fn take_text(fields: &mut Fields) -> Result<(Format, Value), ApiError> {
    let said = json!({ "format": { "type": "text" }, "verbosity": "medium" });
    let Some(text) = fields.take("text")? else { return Ok((Format::Text, said)) };
    let mut text = Fields::within("text", text)?;
    text.accept_only("verbosity", &[json!("medium")])?;
    let format: Option<Value> = text.take("format")?;
    text.end()?;
    let Some(mut given) = format else { return Ok((Format::Text, said)) };
    let format = match given["type"].as_str() {
        Some("text") => Format::Text,
        Some("json_object") => Format::Json,
        Some("json_schema") => Format::Schema(given["schema"].take()),
        _ => return Err(ApiError::bad("text.format.type", format!("there is no format {given}"))),
    };
    Ok((format, json!({ "format": given, "verbosity": "medium" })))
}
