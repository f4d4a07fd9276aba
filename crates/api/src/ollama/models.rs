//! What is served, as Ollama tells of it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use plimsoll_engine::Session;
use serde_json::{Map, Value, json};

use super::{VERSION, find};
use crate::error::ApiError;
use crate::facts::Facts;
use crate::fields::Fields;
use crate::models::Models;
use crate::worker::Served;

/// When a model is let go: not while the server runs.
const NEVER: &str = "9999-12-31T23:59:59Z";

/// `GET /api/version`: of the API; the program's own is beside it.
pub async fn version() -> Json<Value> {
    Json(json!({ "version": VERSION, "plimsoll": env!("CARGO_PKG_VERSION") }))
}

/// `GET /api/tags`
pub async fn tags(State(models): State<Arc<Models>>) -> Result<Json<Value>, ApiError> {
    let listed = models.names().map(|name| Ok(entry(name, &models.find(name)?.1)));
    Ok(Json(json!({ "models": listed.collect::<Result<Vec<Value>, ApiError>>()? })))
}

/// `GET /api/ps`
pub async fn loaded(State(models): State<Arc<Models>>) -> Result<Json<Value>, ApiError> {
    let listed = models.names().map(|name| {
        let (_, served) = models.find(name)?;
        let mut entry = entry(name, &served);
        entry["expires_at"] = NEVER.into();
        entry["size_vram"] = 0.into();
        entry["context_length"] = served.context.into();
        Ok(entry)
    });
    Ok(Json(json!({ "models": listed.collect::<Result<Vec<Value>, ApiError>>()? })))
}

fn entry(name: &str, served: &Served) -> Value {
    json!({
        "name": name,
        "model": name,
        "modified_at": since(served),
        "size": served.facts.bytes,
        // Files are mapped, not hashed: nobody knows it.
        "digest": "",
        "details": details(&served.facts),
    })
}

/// Since when it is served.
fn since(served: &Served) -> String {
    jiff::Timestamp::from_second(served.created).map_or_else(|_| String::new(), |since| since.to_string())
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
    let (_, served) = find(&models, &name)?;
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
        "modified_at": since(&served),
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
