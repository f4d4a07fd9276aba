//! `plimsoll eval`

use std::io::Write;
use std::path::Path;

use anyhow::Context;
use plimsoll_engine::{Special, Tokenizer};
use plimsoll_lab::answerer::prompting;
use plimsoll_lab::paired::{self, Rate};
use plimsoll_lab::runner;
use plimsoll_lab::suite::Suite;
use plimsoll_lab::text_loss::{TextLoss, text_loss};
use plimsoll_panel::shown_text;
use plimsoll_runtime::{Arithmetic, Program};
use serde_json::json;

use crate::args::Eval;
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

/// Tokens of a window when a text is measured.
const TEXT_WINDOW: usize = 1024;

/// Runs a suite, or measures a text.
pub fn run(command: &Eval, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    match (&command.suite, &command.text) {
        (_, Some(path)) => text(command, path, settings, as_json),
        (Some(name), None) => suite(command, name, settings, as_json),
        (None, None) => unreachable!("the arguments require one of them"),
    }
}

fn suite(command: &Eval, name: &str, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let suite = Suite::builtin(name, command.seed, command.items.get())?;
    let mut session = model::session(&model::open(&command.model)?, settings)?;
    let bar = progress::bar(suite.items.len() as u64, "answering");
    let outcomes = runner::run(&suite, &mut session, |done| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let rates = paired::rates(&outcomes);
    let asked = prompting(&session);
    if as_json {
        return super::print_json(&json!({
            "model": command.model,
            "suite": { "name": name, "id": suite.id(), "seed": suite.seed, "items": suite.items.len() },
            "prompting": asked,
            "rates": rates, "outcomes": outcomes,
        }));
    }
    print(command, &suite, asked, &rates)
}

fn text(command: &Eval, path: &Path, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    let text = String::from_utf8(text).with_context(|| format!("{}: not UTF-8", path.display()))?;
    let checkpoint = model::open(&command.model)?;
    let tokenizer = Tokenizer::of(&checkpoint, settings.pre.as_deref())?;
    let ids = tokenizer.with_bos(tokenizer.encode(&text, Special::AsText)?);
    let mut program = Program::load(&checkpoint, settings.isa, settings.threads, Arithmetic::Fast)?;
    let window = model::context(&checkpoint, None)?.min(TEXT_WINDOW);
    let bar = progress::bar(ids.len() as u64, "reading");
    let loss: TextLoss = text_loss(&mut program, &tokenizer, &ids, window, |done| bar.set_position(done as u64))
        .with_context(|| path.display().to_string())?;
    bar.finish_and_clear();
    if as_json {
        return super::print_json(&json!({
            "model": command.model, "text": path, "bits_per_byte": loss.bits_per_byte(), "loss": loss,
        }));
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{:.4} bits per byte", loss.bits_per_byte())?;
    writeln!(out, "{} tokens over {} bytes, windows of {} that overlap by half", loss.tokens, loss.bytes, loss.window)?;
    Ok(())
}

fn print(command: &Eval, suite: &Suite, asked: &str, rates: &[Rate]) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    writeln!(
        out,
        "{}  suite {} of {} items, seed {}\nasked by {asked}\n",
        style.bold(&shown_text(&command.model, 120)),
        suite.name,
        suite.items.len(),
        suite.seed
    )?;
    writeln!(out, "{:<14} {:>9}  {:>7}  95 % interval", "category", "right", "rate")?;
    for Rate { category, correct, n, interval } in rates {
        let right = format!("{correct}/{n}");
        let rate = 100.0 * *correct as f64 / *n as f64;
        let (low, high) = (100.0 * interval.low, 100.0 * interval.high);
        writeln!(out, "{category:<14} {right:>9}  {rate:>5.1} %  {low:.1}…{high:.1} %")?;
    }
    Ok(())
}
