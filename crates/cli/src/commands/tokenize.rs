//! `plimsoll tokenize`

use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;
use plimsoll_engine::{Special, Tokenizer};

use crate::args::Tokenize;
use crate::settings::Settings;
use crate::{demo, model};

/// Prints the ids as a JSON array.
pub fn run(command: &Tokenize, settings: &Settings) -> anyhow::Result<()> {
    let tokenizer = tokenizer(&command.model, settings.pre.as_deref())?;
    let text = match &command.text {
        Some(text) => text.clone(),
        None => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).context("standard input")?;
            String::from_utf8(bytes).context("standard input is not UTF-8")?
        }
    };
    let special = if command.special { Special::Parse } else { Special::AsText };
    let mut ids = tokenizer.encode(&text, special)?;
    if command.bos {
        let bos = tokenizer.bos().context("this tokenizer has no beginning-of-sequence token")?;
        ids.insert(0, bos);
    }
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &ids).map_err(std::io::Error::from)?;
    writeln!(out)?;
    Ok(())
}

/// The tokenizer of a model, or of files that hold a vocabulary only.
fn tokenizer(name: &str, pre: Option<&str>) -> anyhow::Result<Tokenizer> {
    if demo::files(name).is_some() {
        return Ok(Tokenizer::of(&model::open(name)?, pre)?);
    }
    let vocabulary = plimsoll_formats::open_vocabulary(Path::new(name))?;
    Ok(Tokenizer::of_vocabulary(&vocabulary, pre)?)
}
