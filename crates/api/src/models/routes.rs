//! `GET /v1/models` and `GET /v1/models/{id}`

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::Models;
use crate::error::ApiError;

/// `GET /v1/models`
pub async fn list(State(models): State<Arc<Models>>) -> Result<Json<Value>, ApiError> {
    let described = models.names().map(|name| described(&models, name)).collect::<Result<Vec<Value>, _>>()?;
    Ok(Json(json!({ "object": "list", "data": described })))
}

/// `GET /v1/models/{id}`
pub async fn one(State(models): State<Arc<Models>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    described(&models, &name).map(Json)
}

fn described(models: &Models, name: &str) -> Result<Value, ApiError> {
    let (own, entry) = models.entry(name)?;
    Ok(json!({
        "id": name,
        "object": "model",
        "created": entry.created,
        "owned_by": "plimsoll",
        "root": own,
        "context_length": entry.context,
    }))
}
