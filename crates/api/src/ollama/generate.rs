//! `POST /api/generate`

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::answer::{Answer, Shape};
use super::{Asked, find, options, pictures, take_common, take_likelihoods, take_stream};
use crate::conversation::messages::{Content, Messages};
use crate::conversation::{Answering, Conversation, continue_text};
use crate::error::ApiError;
use crate::fields::Fields;
use crate::models::Models;
use crate::served::Served;

/// Answers a text: as a message to a conversation of its own, or continued as it stands (`raw`).
pub async fn complete(State(models): State<Arc<Models>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let Asked { name, entry, served } = find(&models, &fields.need::<String>("model")?).await?;
    take_common(&mut fields, entry)?;
    let stream = take_stream(&mut fields)?;
    let answering = answered(fields, &served).await.map_err(|error| error.renamed("response_format", "format"));
    match answering.map_err(|error| error.renamed("messages", "prompt"))? {
        None => Ok(Json(Answer::loaded(name, Shape::Generate)).into_response()),
        Some(answering) => Answer::send(name, Shape::Generate, answering, stream).await,
    }
}

/// The answer; none where there is no prompt, which asks for the model to be loaded.
async fn answered(mut fields: Fields, served: &Served) -> Result<Option<Answering>, ApiError> {
    for (name, why) in [
        ("suffix", "models here are not asked to fill a gap"),
        ("template", "the model's own is used; `raw` sends a prompt as it stands"),
        ("width", "models here write text"),
        ("height", "models here write text"),
        ("steps", "models here write text"),
    ] {
        fields.refuse_unless(name, &[json!("")], why)?;
    }
    fields.refuse_unless("context", &[json!([])], "send the conversation to `/api/chat`")?;
    let prompt: String = fields.take("prompt")?.unwrap_or_default();
    let raw = fields.take("raw")?.unwrap_or(false);
    let system: String = fields.take("system")?.unwrap_or_default();
    let images: Vec<Value> = fields.take("images")?.unwrap_or_default();
    let is_empty = prompt.is_empty() && images.is_empty();
    let format = options::take_format(&mut fields)?;
    let likelihoods = take_likelihoods(&mut fields)?;
    let generation = options::take(&mut fields, served)?;
    if raw {
        if !system.is_empty() || !images.is_empty() {
            return Err(ApiError::bad(
                "raw",
                "`raw` has no place for `system` and `images`: the prompt is all there is",
            ));
        }
        fields.refuse("think", "`raw` knows no template that would switch it")?;
        fields.end()?;
        return match is_empty {
            true => Ok(None),
            false => continue_text(prompt, generation, format, likelihoods, served).await.map(Some),
        };
    }
    let mut messages = Messages::default();
    if !system.is_empty() {
        messages.push("system", Content::text(system));
    }
    let mut content = Content::default();
    for picture in pictures(images, "images")? {
        content.push_picture(picture, &mut messages.pictures);
    }
    content.push_text(prompt);
    messages.push("user", content);
    let mut told = messages.told(None);
    options::take_think(&mut fields, &mut told, &served.language)?;
    fields.end()?;
    match is_empty {
        true => Ok(None),
        false => Conversation { told, generation, format, likelihoods }.answer(served).await.map(Some),
    }
}
