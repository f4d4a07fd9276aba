//! Text to tokens and back, and conversations as the prompts that they become: without computing anything.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use plimsoll_engine::Special;
use serde_json::{Value, json};

use crate::error::ApiError;
use crate::fields::Fields;
use crate::models::Models;

/// Bytes of a text that is cut into tokens, which takes seconds and a hundred times its memory.
const LONGEST: usize = 4 << 20;

/// `POST /tokenize`: `content`, and whether `add_special` puts the token before it that begins texts. Control tokens that
/// the text spells stay text, unless `parse_special`.
pub async fn tokenize(State(models): State<Arc<Models>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (_, served) = models.find(&fields.need::<String>("model")?).await?;
    let content: String = fields.need("content")?;
    if content.len() > LONGEST {
        let what = format!("`content` has {} bytes, and may have {} MiB", content.len(), LONGEST >> 20);
        return Err(ApiError::bad("content", what));
    }
    let add_special = fields.take("add_special")?.unwrap_or(false);
    let special = if fields.take("parse_special")?.unwrap_or(false) { Special::Parse } else { Special::AsText };
    fields.end()?;
    let tokenizer = Arc::clone(&served.tokenizer);
    let told = move || {
        let ids = tokenizer.encode(&content, special).map_err(|error| ApiError::bad("content", error.to_string()))?;
        Ok(Json(json!({ "tokens": if add_special { tokenizer.with_bos(ids) } else { ids } })))
    };
    // A long text takes seconds, in which others are to be answered.
    tokio::task::spawn_blocking(told).await.unwrap_or_else(|_| Err(ApiError::gone()))
}

/// `POST /detokenize`: `tokens`.
pub async fn detokenize(State(models): State<Arc<Models>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (_, served) = models.find(&fields.need::<String>("model")?).await?;
    let tokens: Vec<u32> = fields.need("tokens")?;
    fields.end()?;
    let size = served.tokenizer.vocab_size();
    match tokens.iter().find(|id| **id as usize >= size) {
        Some(id) => Err(ApiError::bad("tokens", format!("there is no token {id}; there are {size}"))),
        None => Ok(Json(json!({ "content": served.tokenizer.decode(&tokens) }))),
    }
}

/// `POST /apply-template`: `messages`, `tools`, and what else the template reads in `chat_template_kwargs`; answers the `prompt`.
pub async fn apply_template(State(models): State<Arc<Models>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    let (_, served) = models.find(&fields.need::<String>("model")?).await?;
    let told = crate::chat::told(&mut fields, &served.language)?;
    fields.end()?;
    let prompt = told.prompt(&served).await?;
    Ok(Json(json!({ "prompt": prompt })))
}
