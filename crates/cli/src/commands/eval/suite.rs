//! Built-in questions.

use std::io::Write;

use plimsoll_lab::answerer::prompting;
use plimsoll_lab::canary;
use plimsoll_lab::paired::{self, Rate};
use plimsoll_lab::record::Unit;
use plimsoll_lab::runner;
use plimsoll_lab::suite::{DEFAULT_ITEMS, Suite};
use plimsoll_panel::shown_text;
use serde_json::json;

use crate::args::Eval;
use crate::commands::print_json;
use crate::evaluation::Evaluation;
use crate::notice::say;
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

/// Puts a suite to a model.
pub fn run(command: &Eval, name: &str, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let items = command.items.map_or(DEFAULT_ITEMS, std::num::NonZeroUsize::get);
    let suite = Suite::builtin(name, command.seed, items)?;
    say_what_is_short(&suite, items);
    let checkpoint = model::open(&command.model)?;
    let mut session = model::session(&checkpoint, settings.clone())?;
    let canaries = canary::put(&suite, &mut session)?;
    if let Some(canaries) = canaries.as_ref().filter(|canaries| !canaries.passed) {
        say(format_args!(
            "note: {} of {} canaries passed: the model hardly predicts ordinary text, so that it or this run is broken \
             (`plimsoll verify` tells which)",
            canaries.n_passed(),
            canaries.all.len()
        ));
    }
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
            "prompting": asked, "canaries": canaries,
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
    let in_any_form = if rates.iter().any(|rate| rate.known.is_some()) { "  in any form" } else { "" };
    writeln!(out, "{heading:<width$} {:>11}  {:>7}  {:<13}{in_any_form}", "right", "rate", "95 % interval")?;
    for Rate { category, correct, n, interval, known } in rates {
        let right = format!("{correct}/{n}");
        let share = |count: usize| count as f64 / *n as f64;
        let scale = Unit::Share.scale(&[share(*correct)]);
        let shown = scale.show_interval(*interval, share(*correct));
        let known = known.map_or(String::new(), |known| format!("  {:>9} %", scale.show(share(known))));
        writeln!(out, "{category:<width$} {right:>11}  {:>5} %  {shown:<13}{known}", scale.show(share(*correct)))?;
    }
    if !in_any_form.is_empty() {
        writeln!(out, "\nin any form: the right answer stands there, whether or not as it was asked for")?;
    }
    Ok(())
}

/// Tells of categories that hold fewer questions than were asked for.
pub fn say_what_is_short(suite: &Suite, items: usize) {
    for (category, n) in suite.short(items) {
        say(format_args!("note: `{category}` holds {n} questions of the {items} asked for"));
    }
}
