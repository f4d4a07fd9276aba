//! Where a checkpoint keeps its chat templates.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::FormatError;
use crate::folder::{Folder, JsonObject};
use crate::gguf::{GgufFile, MetaValue};

/// Jinja sources as the maker published them; never a guess.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatTemplateSource {
    /// The template for ordinary chats.
    pub default: Option<String>,
    /// Templates for other uses, by name (`tool_use`, `rag`).
    pub named: BTreeMap<String, String>,
    /// Where the default comes from: a file's path, or a file and key.
    pub source: String,
}

impl ChatTemplateSource {
    fn found(self) -> Option<ChatTemplateSource> {
        (self.default.is_some() || !self.named.is_empty()).then_some(self)
    }
}

/// Reads `chat_template.jinja` (with `additional_chat_templates/`), else `chat_template.json`, else the
/// `chat_template` key of `tokenizer_config.json`: transformers' order.
pub(crate) fn from_folder(
    folder: &Folder,
    tokenizer_config: &JsonObject,
) -> Result<Option<ChatTemplateSource>, FormatError> {
    const JINJA: &str = "chat_template.jinja";
    const EXTRA: &str = "additional_chat_templates";
    let mut out = ChatTemplateSource::default();
    for file in folder.names_under(EXTRA)? {
        if let Some(name) = file.strip_suffix(".jinja")
            && let Some(text) = folder.text(&format!("{EXTRA}/{file}"))?
        {
            out.named.insert(name.to_owned(), text);
        }
    }
    if let Some(text) = folder.text(JINJA)? {
        out.default = Some(text);
        out.source = folder.display_file(JINJA);
        return Ok(out.found());
    }
    let sources = [("chat_template.json", folder.json("chat_template.json")?), ("tokenizer_config.json", None)];
    for (file, keys) in sources {
        let file_name = folder.display_file(file);
        let value = match &keys {
            Some(keys) => keys.get("chat_template"),
            None if file == "tokenizer_config.json" => tokenizer_config.get("chat_template"),
            None => None,
        };
        if let Some(value) = value.filter(|v| !v.is_null()) {
            out.source = format!("{file_name}, key `chat_template`");
            add_value(&mut out, &file_name, value)?;
            break;
        }
    }
    Ok(out.found())
}

/// A template, or a list of `{name, template}` of which `default` is the default.
fn add_value(out: &mut ChatTemplateSource, file: &str, value: &Value) -> Result<(), FormatError> {
    let wrong = || FormatError::malformed(file, "`chat_template` is neither a string nor a list of named templates");
    match value {
        Value::String(text) => out.default = Some(text.clone()),
        Value::Array(list) => {
            for item in list {
                let field = |key| item.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(wrong);
                let (name, text) = (field("name")?, field("template")?);
                if name == "default" {
                    out.default = Some(text);
                } else {
                    out.named.insert(name, text);
                }
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// Reads `tokenizer.chat_template` and its named siblings.
pub(crate) fn from_gguf(gguf: &GgufFile) -> Result<Option<ChatTemplateSource>, FormatError> {
    const KEY: &str = "tokenizer.chat_template";
    let mut out = ChatTemplateSource {
        default: gguf.text(KEY)?.map(str::to_owned),
        source: format!("{}, key `{KEY}`", gguf.name()),
        ..ChatTemplateSource::default()
    };
    for (key, value) in gguf.metadata() {
        if let Some(name) = key.strip_prefix("tokenizer.chat_template.")
            && matches!(value, MetaValue::Text(_))
            && let Some(text) = gguf.text(key)?
        {
            out.named.insert(name.to_owned(), text.to_owned());
        }
    }
    Ok(out.found())
}
