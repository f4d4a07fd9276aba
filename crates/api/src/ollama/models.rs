//! What is served, as Ollama tells of it.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use plimsoll_engine::Session;
use serde_json::{Map, Value, json};

use super::{Asked, VERSION, find};
use crate::error::ApiError;
use crate::facts::Facts;
use crate::fields::Fields;
use crate::models::{Entry, Models};
use crate::served::Served;

/// When a model is let go that stays: not while the server runs.
const NEVER: &str = "9999-12-31T23:59:59Z";

/// `GET /api/version`: of the API; the program's own is beside it.
pub async fn version() -> Json<Value> {
    Json(json!({ "version": VERSION, "plimsoll": env!("CARGO_PKG_VERSION") }))
}

/// `GET /api/tags`
pub async fn tags(State(models): State<Arc<Models>>) -> Result<Json<Value>, ApiError> {
    let listed = models.names().map(|name| Ok(described(name, models.entry(name)?.1)));
    Ok(Json(json!({ "models": listed.collect::<Result<Vec<Value>, ApiError>>()? })))
}

/// `GET /api/ps`: those that are loaded.
pub async fn loaded(State(models): State<Arc<Models>>) -> Result<Json<Value>, ApiError> {
    let mut listed = Vec::new();
    for name in models.names() {
        let (_, entry) = models.entry(name)?;
        if entry.peek().is_none() {
            continue;
        }
        let mut told = described(name, entry);
        told["expires_at"] = leaves_at(entry).into();
        told["size_vram"] = 0.into();
        told["context_length"] = entry.context.into();
        listed.push(told);
    }
    Ok(Json(json!({ "models": listed })))
}

/// When it is let go if nobody asks for it.
fn leaves_at(entry: &Entry) -> String {
    let left = entry.leaves_at().map(|at| at.saturating_duration_since(Instant::now()));
    let left = left.and_then(|left| jiff::SignedDuration::try_from(left).ok());
    let at = left.and_then(|left| jiff::Timestamp::now().checked_add(left).ok());
    at.map_or_else(|| NEVER.to_owned(), |at| at.to_string())
}

fn described(name: &str, entry: &Entry) -> Value {
    json!({
        "name": name,
        "model": name,
        "modified_at": since(entry),
        "size": entry.facts.bytes,
        // Files are mapped, not hashed: nobody knows it.
        "digest": "",
        "details": details(&entry.facts),
    })
}

/// Since when it is served.
fn since(entry: &Entry) -> String {
    jiff::Timestamp::from_second(entry.created).map_or_else(|_| String::new(), |since| since.to_string())
}

fn details(facts: &Facts) -> Value {
    json!({
        "parent_model": "",
        "format": facts.format,
        "family": facts.family,
        "families": [facts.family],
        "parameter_size": size(facts.parameters),
        "quantization_level": facts.stored,
    })
}

/// Parameters as people write them.
fn size(parameters: u64) -> String {
    let (unit, letter) = [(1e9, "B"), (1e6, "M"), (1e3, "K")]
        .into_iter()
        .find(|(unit, _)| parameters as f64 >= *unit)
        .unwrap_or((1.0, ""));
    let number = format!("{:.1}", parameters as f64 / unit);
    format!("{}{letter}", number.trim_end_matches(".0"))
}

/// `POST /api/show`
pub async fn show(State(models): State<Arc<Models>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut fields = Fields::of_body(&body)?;
    // `name` is the older name.
    let name = fields.take::<String>("name")?;
    let name = fields.take("model")?.or(name).ok_or_else(|| ApiError::bad("model", "`model` is missing"))?;
    fields.accept(&["verbose"]);
    fields.end()?;
    let Asked { entry, served, .. } = find(&models, &name).await?;
    let told = served.ask(|session| {
        let template = session.template().map(|template| template.source().to_owned()).unwrap_or_default();
        (template, parameters(session))
    });
    let (template, parameters) = told.await?;
    Ok(Json(json!({
        "license": served.facts.licence.clone().unwrap_or_default(),
        "modelfile": "",
        "parameters": parameters,
        "template": template,
        "details": details(&served.facts),
        "model_info": model_info(&served.facts),
        "capabilities": capabilities(&served),
        "modified_at": since(entry),
    })))
}

/// What the maker recommends, a line for each.
fn parameters(session: &Session) -> String {
    let defaults = session.defaults();
    let numbers = [
        ("temperature", defaults.temperature.filter(|_| defaults.do_sample == Some(true))),
        ("top_p", defaults.top_p),
        ("min_p", defaults.min_p),
        ("repeat_penalty", defaults.repetition_penalty),
    ];
    let top_k = defaults.top_k.map(|top_k| format!("top_k {top_k}"));
    let numbers = numbers.into_iter().filter_map(|(name, number)| Some(format!("{name} {}", number?)));
    let stops = defaults.stop_strings.iter().map(|stop| format!("stop {}", Value::from(stop.as_str())));
    numbers.chain(top_k).chain(stops).collect::<Vec<String>>().join("\n")
}

fn model_info(facts: &Facts) -> Map<String, Value> {
    let own = |key: &str| format!("{}.{key}", facts.family);
    Map::from_iter([
        ("general.architecture".to_owned(), facts.family.as_str().into()),
        ("general.parameter_count".to_owned(), facts.parameters.into()),
        (own("context_length"), facts.context.into()),
        (own("embedding_length"), facts.width.into()),
        (own("block_count"), facts.layers.into()),
    ])
}

fn capabilities(served: &Served) -> Vec<&'static str> {
    let all = [
        (true, "completion"),
        (served.language.dialect.is_some(), "tools"),
        (served.facts.sees, "vision"),
        (served.language.thinks(), "thinking"),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_people_do() {
        assert_eq!([size(999), size(8_030_000_000), size(135_000_000), size(1_000)], ["999", "8B", "135M", "1K"]);
    }
}
