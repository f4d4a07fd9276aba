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

/// Copies what belongs to a model.
///
/// # Errors
/// A file cannot be read or written.
pub(crate) fn write_companions(from: &Folder, to: &Path) -> Result<(), OnnxError> {
    let is_licence = |name: &String| name.to_ascii_uppercase().starts_with("LICENSE") || name == "NOTICE";
    let licences = from.names()?.into_iter().filter(is_licence);
    for name in COMPANIONS.map(str::to_owned).into_iter().chain(licences) {
        if let Some(bytes) = from.open(&name)? {
            write(to, &name, &bytes)?;
        }
    }
    if let Some(config) = tokenizer_config(from)? {
        write_json(to, "tokenizer_config.json", config)?;
    }
    if let Some(config) = preprocessor_config(from)? {
        write_json(to, "preprocessor_config.json", config)?;
    }
    Ok(())
}

/// config.json as it is to be beside the graphs: of a text model in another's wrapper, that of the text model, if that alone is
/// written.
///
/// # Errors
/// It cannot be read, or is not there.
pub(crate) fn config(from: &Folder, text_only: bool) -> Result<JsonObject, OnnxError> {
    let config = from.json("config.json")?.ok_or_else(|| OnnxError::NoSettings { folder: from.display() })?;
    let Some(Value::Object(text)) = config.get("text_config").filter(|_| text_only) else { return Ok(config) };
    let mut text = text.clone();
    for key in ["bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings"] {
        if let (false, Some(value)) = (text.contains_key(key), config.get(key)) {
            text.insert(key.to_owned(), value.clone());
        }
    }
    Ok(text)
}

/// Writes config.json with what transformers.js asks.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_config(
    to: &Path,
    mut config: JsonObject,
    precisions: &[Precision],
    written: &[WrittenGraph],
) -> Result<(), OnnxError> {
    config.insert("transformers.js_config".to_owned(), settings(precisions, written));
    write_json(to, "config.json", config)
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

/// Writes settings.
///
/// # Errors
/// They cannot be written.
pub(crate) fn write_json(folder: &Path, name: &str, object: impl Into<Value>) -> Result<(), OnnxError> {
    write(folder, name, format!("{:#}\n", object.into()).as_bytes())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), OnnxError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(OnnxError::write(&path))
}
