//! `--template`: another template than the model's own.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::Context;

use crate::piped;

/// A common form of messages, for models that bring none: <https://github.com/openai/openai-python/blob/v0.28.1/chatml.md>.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n\
                      {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

/// Which template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateArg {
    /// ChatML.
    Chatml,
    /// The one in this file.
    File(PathBuf),
}

impl FromStr for TemplateArg {
    type Err = String;

    fn from_str(text: &str) -> Result<TemplateArg, String> {
        match text {
            "chatml" => Ok(TemplateArg::Chatml),
            path if path.ends_with(".jinja") || path.contains('/') => Ok(TemplateArg::File(PathBuf::from(path))),
            _ => Err("expected chatml, or the path of a .jinja file".to_owned()),
        }
    }
}

impl TemplateArg {
    /// Its source.
    ///
    /// # Errors
    /// The file cannot be read, or is no text.
    pub fn source(&self) -> anyhow::Result<String> {
        let TemplateArg::File(path) = self else { return Ok(CHATML.to_owned()) };
        String::from_utf8(piped::file(path)?).with_context(|| path.display().to_string())
    }
}
