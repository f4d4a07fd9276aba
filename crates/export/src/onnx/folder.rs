//! What lies beside the graphs: settings, tokenizer and licence as published, and in config.json what transformers.js asks.

use std::path::Path;

use plimsoll_formats::{Folder, JsonObject};
use serde_json::{Map, Value, json};

use super::error::OnnxError;
use super::{Precision, WrittenGraph};

/// Files that are copied where they are there.
const COMPANIONS: [&str; 11] = [
    "generation_config.json",
    "tokenizer.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    TEMPLATE,
    "chat_template.json",
    PROCESSOR,
    "video_preprocessor_config.json",
];
const TEMPLATE: &str = "chat_template.jinja";
const PROCESSOR: &str = "processor_config.json";

/// Copies what belongs to a model, and writes config.json.
///
/// # Errors
/// A file cannot be read or written, or there is no config.json.
pub(crate) fn write_companions(
    from: &Folder,
    to: &Path,
    precisions: &[Precision],
    written: &[WrittenGraph],
) -> Result<(), OnnxError> {
    let is_licence = |name: &String| name.to_ascii_uppercase().starts_with("LICENSE") || name == "NOTICE";
    let licences = from.names()?.into_iter().filter(is_licence);
    for name in COMPANIONS.map(str::to_owned).into_iter().chain(licences) {
        if let Some(bytes) = from.open(&name)? {
            write(to, &name, &bytes)?;
        }
    }
    let mut config = from.json("config.json")?.ok_or_else(|| OnnxError::NoSettings { folder: from.display() })?;
    config.insert("transformers.js_config".to_owned(), settings(precisions, written));
    write_json(to, "config.json", config)?;
    if let Some(config) = tokenizer_config(from)? {
        write_json(to, "tokenizer_config.json", config)?;
    }
    if let Some(config) = preprocessor_config(from)? {
        write_json(to, "preprocessor_config.json", config)?;
    }
    Ok(())
}

/// With the chat template in it, which transformers.js looks for there alone.
fn tokenizer_config(from: &Folder) -> Result<Option<JsonObject>, OnnxError> {
    let Some(mut config) = from.json("tokenizer_config.json")? else { return Ok(None) };
    if !config.contains_key("chat_template")
        && let Some(template) = from.text(TEMPLATE)?
    {
        config.insert("chat_template".to_owned(), template.into());
    }
    Ok(Some(config))
}

/// transformers.js reads the image processor's settings here, transformers 5 writes them into those of the whole processor.
fn preprocessor_config(from: &Folder) -> Result<Option<JsonObject>, OnnxError> {
    if let Some(config) = from.json("preprocessor_config.json")? {
        return Ok(Some(config));
    }
    let Some(processor) = from.json(PROCESSOR)? else { return Ok(None) };
    let Some(Value::Object(config)) = processor.get("image_processor") else { return Ok(None) };
    let mut config = config.clone();
    if let Some(class) = processor.get("processor_class") {
        config.insert("processor_class".to_owned(), class.clone());
    }
    Ok(Some(config))
}

/// Every graph has one file of external data.
fn settings(precisions: &[Precision], written: &[WrittenGraph]) -> Value {
    let name = |graph: &WrittenGraph| graph.file.trim_start_matches("onnx/").to_owned();
    let external: Map<String, Value> = written.iter().map(|graph| (name(graph), json!(1))).collect();
    json!({ "dtype": precisions.first().map(|precision| precision.name()), "use_external_data_format": external })
}

fn write_json(folder: &Path, name: &str, object: JsonObject) -> Result<(), OnnxError> {
    write(folder, name, format!("{:#}\n", Value::Object(object)).as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), OnnxError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(OnnxError::write(&path))
}
