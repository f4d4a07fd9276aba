//! What lies beside the graphs: settings, tokenizer and licence as published, and in config.json what transformers.js asks.

use std::path::Path;

use plimsoll_formats::Folder;
use serde_json::{Map, Value, json};

use super::error::OnnxError;
use super::{Precision, WrittenGraph};

/// Files that are copied where they are there.
const COMPANIONS: [&str; 13] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
];

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
    write(to, "config.json", format!("{:#}\n", Value::Object(config)).as_bytes())
}

/// Every graph has one file of external data.
fn settings(precisions: &[Precision], written: &[WrittenGraph]) -> Value {
    let name = |graph: &WrittenGraph| graph.file.trim_start_matches("onnx/").to_owned();
    let external: Map<String, Value> = written.iter().map(|graph| (name(graph), json!(1))).collect();
    json!({ "dtype": precisions.first().map(|precision| precision.name()), "use_external_data_format": external })
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), OnnxError> {
    let path = folder.join(name);
    std::fs::write(&path, bytes).map_err(OnnxError::write(&path))
}
