//! `plimsoll template`

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};
use plimsoll_engine::{ChatTemplate, Clock, TemplateRequest, Tokenizer};
use serde_json::json;

use crate::args::Template;
use crate::model;
use crate::settings::Settings;

/// Prints the rendered prompt, exactly: no newline is added.
pub fn run(command: &Template, settings: &Settings, as_json: bool) -> anyhow::Result<()> {
    let template = template(&command.model, settings.pre.as_deref())?;
    let shown = command.request.display();
    let request: serde_json::Value =
        serde_json::from_slice(&read(&command.request)?).with_context(|| format!("{shown}: not JSON"))?;
    let mut request = TemplateRequest::from_json(request).with_context(|| shown.to_string())?;
    if let Some(now) = &command.now {
        request.now = Some(Clock::parse(now).context("--now")?);
    }
    let rendered = template.render(&request)?;
    if as_json {
        return super::print_json(&json!({ "rendered": rendered }));
    }
    let mut out = std::io::stdout().lock();
    out.write_all(rendered.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// The template of a model, or one in a file of its own.
fn template(name: &str, pre: Option<&str>) -> anyhow::Result<ChatTemplate> {
    if name.ends_with(".jinja") || name.ends_with(".j2") {
        let source = std::fs::read_to_string(name).with_context(|| name.to_owned())?;
        let none: [(&str, &str); 0] = [];
        return Ok(ChatTemplate::new(&source, none)?);
    }
    let checkpoint = model::open(name)?;
    match ChatTemplate::of(&checkpoint, &Tokenizer::of(&checkpoint, pre)?)? {
        Some(template) => Ok(template),
        None => bail!("{}: it has no chat template", checkpoint.display()),
    }
}
