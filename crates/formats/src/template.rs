//! Where a checkpoint keeps its chat templates.

use serde_json::Value;

use crate::error::FormatError;
use crate::folder::{Folder, JsonObject};
use crate::gguf::GgufFile;

/// Jinja sources as the maker published them; never a guess.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatTemplateSource {
    /// The template for ordinary chats.
    pub default: Option<String>,
    /// The template for chats with tools, where it is another.
    pub tool_use: Option<String>,
    /// Where the default comes from: a file's path, or a file and key.
    pub source: String,
    /// Why the files cannot be read for one; chats need a template, looking at a model does not.
    pub unusable: Option<String>,
}

impl ChatTemplateSource {
    fn found(self) -> Option<ChatTemplateSource> {
        (self.default.is_some() || self.unusable.is_some()).then_some(self)
    }

    /// What is found, or why it cannot be read.
    fn or_unusable(read: Result<Option<Self>, FormatError>) -> Result<Option<Self>, FormatError> {
        match read {
            Err(error @ FormatError::Io { .. }) => Err(error),
            Err(error) => Ok(Some(Self { unusable: Some(error.to_string()), ..Self::default() })),
            found => found,
        }
    }
}

/// Reads `chat_template.jinja`, else `chat_template.json`, else the
/// `chat_template` key of `tokenizer_config.json`: transformers' order.
///
/// # Errors
/// A file cannot be read.
pub fn from_folder(folder: &Folder, tokenizer_config: &JsonObject) -> Result<Option<ChatTemplateSource>, FormatError> {
    ChatTemplateSource::or_unusable(in_folder(folder, tokenizer_config))
}

fn in_folder(folder: &Folder, tokenizer_config: &JsonObject) -> Result<Option<ChatTemplateSource>, FormatError> {
    const JINJA: &str = "chat_template.jinja";
    let text = |file: &str| match folder.led_away(file) {
        Some(what) => Err(FormatError::malformed(&folder.display_file(file), what)),
        None => folder.text(file),
    };
    let mut out = ChatTemplateSource::default();
    if let Some(default) = text(JINJA)? {
        out.default = Some(default);
        out.tool_use = text("additional_chat_templates/tool_use.jinja")?;
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

/// A template, or a list of `{name, template}`: `default` is it, `tool_use` that for requests with tools; others (`rag`) are
/// for uses that are not served.
fn add_value(out: &mut ChatTemplateSource, file: &str, value: &Value) -> Result<(), FormatError> {
    let wrong = || FormatError::malformed(file, "`chat_template` is neither a string nor a list of named templates");
    match value {
        Value::String(text) => out.default = Some(text.clone()),
        Value::Array(list) => {
            for item in list {
                let field = |key| item.get(key).and_then(Value::as_str).map(str::to_owned).ok_or_else(wrong);
                let (name, text) = (field("name")?, field("template")?);
                match name.as_str() {
                    "default" => out.default = Some(text),
                    "tool_use" => out.tool_use = Some(text),
                    _ => {}
                }
            }
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

/// Reads `tokenizer.chat_template`.
///
/// # Errors
/// The file cannot be read.
pub fn from_gguf(gguf: &GgufFile) -> Result<Option<ChatTemplateSource>, FormatError> {
    const KEY: &str = "tokenizer.chat_template";
    let source = format!("{}, key `{KEY}`", gguf.name());
    ChatTemplateSource::or_unusable(gguf.text(KEY).map_err(FormatError::from).map(|text| {
        let default = text.map(str::to_owned);
        ChatTemplateSource { default, source, ..ChatTemplateSource::default() }.found()
    }))
}
