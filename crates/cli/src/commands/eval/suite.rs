//! Built-in questions.

use std::io::Write;

use plimsoll_lab::answerer::prompting;
use plimsoll_lab::paired::{self, Rate};
use plimsoll_lab::runner;
use plimsoll_lab::suite::{DEFAULT_ITEMS, Suite};
use plimsoll_panel::shown_text;
use serde_json::json;

use crate::args::Eval;
use crate::commands::print_json;
use crate::evaluation::Evaluation;
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

/// Puts a suite to a model.
pub fn run(command: &Eval, name: &str, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let items = command.items.map_or(DEFAULT_ITEMS, std::num::NonZeroUsize::get);
    let suite = Suite::builtin(name, command.seed, items)?;
    let checkpoint = model::open(&command.model)?;
    let mut session = model::session(&checkpoint, settings.clone())?;
    let mut evaluation = Evaluation::of(&command.model, &checkpoint, &session, &settings, &command.store)?;
    let bar = progress::bar(suite.items.len() as u64, "answering");
    let outcomes = evaluation.remembering(|journal| {
        Ok(runner::run_with(&suite, &mut session, journal, |done| bar.set_position(done as u64))?)
    })?;
    bar.finish_and_clear();
    let rates = paired::rates(&outcomes);
    let asked = prompting(&session);
    if as_json {
        return print_json(&json!({
            "model": command.model,
            "suite": { "name": name, "id": suite.id(), "seed": suite.seed, "items": suite.items.len() },
            "prompting": asked,
            "rates": rates, "outcomes": outcomes,
        }));
    }
    print(command, &suite, asked, &rates)
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
    write_rates(&mut out, "category", rates)
}

/// A table of rates, a line each.
pub fn write_rates(out: &mut impl Write, heading: &str, rates: &[Rate]) -> anyhow::Result<()> {
    let width = rates.iter().map(|rate| rate.category.len()).max().unwrap_or(0).clamp(14, 40);
    writeln!(out, "{heading:<width$} {:>11}  {:>7}  95 % interval", "right", "rate")?;
    for Rate { category, correct, n, interval } in rates {
        let right = format!("{correct}/{n}");
        let rate = 100.0 * *correct as f64 / *n as f64;
        let (low, high) = (100.0 * interval.low, 100.0 * interval.high);
        writeln!(out, "{category:<width$} {right:>11}  {rate:>5.1} %  {low:.1}…{high:.1} %")?;
    }
    Ok(())
}
