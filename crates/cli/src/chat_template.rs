//! The template that `--template` names.

use anyhow::Context;

use crate::args::TemplateArg;
use crate::piped;

/// A common form of messages, for models that bring none: <https://github.com/openai/openai-python/blob/v0.28.1/chatml.md>.
const CHATML: &str = "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n\
                      {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

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
