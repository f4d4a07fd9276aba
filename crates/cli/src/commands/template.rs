//! `plimsoll template`

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use plimsoll_engine::{ChatTemplate, Clock, SessionError, TemplateRequest, Tokenizer};
use serde_json::json;

use crate::args::Template;
use crate::mistake::Mistake;
use crate::output;
use crate::settings::Settings;
use crate::{model, piped};

const REQUEST_HINT: &str = r#"a chat request is such as {"messages": [{"role": "user", "content": "Hi"}]}"#;

/// Prints the rendered prompt, exactly: no newline is added.
pub fn run(command: &Template, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    let template = template(&command.model, settings.pre.as_deref())?;
    let shown = command.request.display();
    let is_none = |error: &dyn std::fmt::Display| Mistake::error(format!("{shown}: {error}"), REQUEST_HINT);
    let text = String::from_utf8(read(&command.request)?).map_err(|_| is_none(&"not JSON: it is no UTF-8"))?;
    let mut request = TemplateRequest::from_text(&text).map_err(|error| is_none(&error))?;
    if let Some(now) = &command.now {
        request.now = Some(Clock::parse(now).context("--now")?);
    }
    let rendered = template.render(&request)?;
    if as_json {
        return output::print_json(&json!({ "rendered": rendered }));
    }
    let mut out = std::io::stdout().lock();
    out.write_all(rendered.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        return piped::whole(std::io::stdin().lock()).context("standard input");
    }
    piped::file(path)
}

/// The template of a model, or one in a file of its own.
fn template(name: &str, pre: Option<&str>) -> anyhow::Result<ChatTemplate> {
    if name.ends_with(".jinja") || name.ends_with(".j2") {
        let source = String::from_utf8(piped::file(Path::new(name))?).with_context(|| name.to_owned())?;
        let none: [(&str, &str); 0] = [];
        return Ok(ChatTemplate::new(&source, none)?);
    }
    let checkpoint = model::open(name)?;
    match ChatTemplate::of(&checkpoint, Tokenizer::of(&checkpoint, pre)?.template_variables())? {
        Some(template) => Ok(template),
        None => Err(SessionError::NoTemplate { model: checkpoint.display() }.into()),
    }
}
