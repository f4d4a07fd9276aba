//! Bits per byte of a text.

use std::io::{Read, Write};
use std::path::Path;

use anyhow::Context;
use plimsoll_engine::{Special, Tokenizer};
use plimsoll_lab::text_loss::{TextLoss, text_loss};
use serde_json::json;

use crate::args::Eval;
use crate::output::print_json;
use crate::settings::Settings;
use crate::{model, progress};

/// Tokens of a window.
const TEXT_WINDOW: usize = 1024;

pub fn run(command: &Eval, path: &Path, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let mut text = String::new();
    let read = |mut file: std::fs::File| file.read_to_string(&mut text);
    plimsoll_formats::open_regular(path).and_then(read).with_context(|| path.display().to_string())?;
    let checkpoint = model::open(&command.model)?;
    let tokenizer = Tokenizer::of(&checkpoint, settings.pre.as_deref())?;
    let ids = tokenizer.with_bos(tokenizer.encode(&text, Special::AsText)?);
    let mut program = model::program(&checkpoint, settings.clone())?;
    let window = model::context(&checkpoint, None)?.min(TEXT_WINDOW);
    let bar = progress::bar(ids.len() as u64, "reading");
    let loss: TextLoss = text_loss(&mut program, &tokenizer, &ids, window, |done| bar.set_position(done as u64))
        .with_context(|| path.display().to_string())?;
    bar.finish_and_clear();
    if as_json {
        return print_json(&json!({
            "model": command.model, "text": path, "bits_per_byte": loss.bits_per_byte(), "loss": loss,
        }));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:.4} bits per byte", loss.bits_per_byte())?;
    writeln!(out, "{} tokens over {} bytes, windows of {} that overlap by half", loss.tokens, loss.bytes, loss.window)?;
    Ok(())
}
