//! Questions of a suite: built-in ones, those of files, those of published benchmarks.

use std::io::Write;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::bail;
use plimsoll_lab::benchmark::Reading;
use plimsoll_lab::canary;
use plimsoll_lab::compare::suite_facts;
use plimsoll_lab::paired::{self, OVERALL};
use plimsoll_lab::runner::{self, ItemOutcome};
use plimsoll_lab::session_model::prompting as asked_by;
use plimsoll_lab::stress::{Curve, Stress, worn_suites};
use plimsoll_lab::suite::{DEFAULT_ITEMS, Item, Suite};
use plimsoll_models::Vision;
use plimsoll_panel::shown_text;
use serde_json::{Value, json};

use super::code;
use super::prompting::{prompting, words};
use super::rates::write_rates;
use crate::args::{BenchmarkArg, Eval};
use crate::evaluation::Evaluation;
use crate::mistake::Mistake;
use crate::notice::say;
use crate::output::print_json;
use crate::questions::{NoSandbox, check_askable, readings, say_what_is_short};
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

/// Puts a built-in suite to a model.
pub fn builtin(command: &Eval, name: &str, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let items = command.questions.each()?.map_or(DEFAULT_ITEMS, NonZeroUsize::get);
    let suite = Suite::builtin(name, command.seed, items)?;
    say_what_is_short(&suite, items);
    let checkpoint = model::open(&command.model)?;
    if suite.items.iter().any(Item::shows_pictures) && Vision::of(&checkpoint, None)?.is_none() {
        return Err(Mistake::error(
            format!("`{}` reads text only, and suite `{name}` shows pictures", checkpoint.display()),
            "`--suite text` asks what it can read; a GGUF model sees through an mmproj file beside it",
        ));
    }
    let session = model::session(&checkpoint, settings.clone())?;
    let prompting = asked_by(&session).to_owned();
    let asked = format!("asked by {prompting}");
    let facts = json!({ "name": name, "id": suite.id(), "seed": suite.seed, "items": suite.items.len() });
    let title = format!("suite {} of {} items, seed {}", suite.name, suite.items.len(), suite.seed);
    let put = Put { suite, facts, title, asked, prompting };
    let mut evaluation = Evaluation::of(&command.model, &checkpoint, &session, &settings, &command.store)?;
    evaluate(command, &put, session, &mut evaluation, as_json).map(drop)
}

/// Puts the questions of files and benchmarks to a model.
pub fn read(command: &Eval, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let checkpoint = model::open(&command.model)?;
    let session = model::session(&checkpoint, settings.clone())?;
    let prompting = prompting(command, &session);
    let suite = match command.questions.suite(prompting, command.shots) {
        Ok(suite) => suite,
        Err(error) => match error.downcast::<NoSandbox>() {
            Ok(NoSandbox(why)) => return code::skipped(command, &Value::Null, &why, as_json),
            Err(error) => return Err(error),
        },
    };
    check_askable(&suite, &command.model, &checkpoint)?;
    let facts = suite_facts(&suite);
    let facts = json!({
        "name": facts.name, "id": facts.id, "items": facts.n, "sources": facts.sources, "categories": facts.categories,
    });
    let title = {
        let n = suite.items.len();
        format!("{}, {n} question{}", shown_text(&suite.name, 60), if n == 1 { "" } else { "s" })
    };
    let mut asked: Vec<String> =
        suite.sources.iter().map(|source| shown_text(&format!("{}: {}", source.name, source.variant), 80)).collect();
    let prompting = match command.questions.benchmark.is_empty() {
        true => format!("asked by {}", asked_by(&session)),
        false => words(prompting).to_owned(),
    };
    asked.push(prompting.clone());
    let put = Put { suite, facts, title, asked: asked.join("\n"), prompting };
    let mut evaluation = Evaluation::of(&command.model, &checkpoint, &session, &settings, &command.store)?;
    let outcomes = evaluate(command, &put, session, &mut evaluation, as_json)?;
    if command.questions.each()?.is_none() {
        keep_scores(command, &put, &outcomes, &mut evaluation)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Keeps the score of every benchmark of which all questions were asked, so that claims are held against it.
fn keep_scores(command: &Eval, put: &Put, outcomes: &[ItemOutcome], evaluation: &mut Evaluation) -> anyhow::Result<()> {
    for BenchmarkArg { benchmark, .. } in &command.questions.benchmark {
        let name = benchmark.name();
        let is_of_it = |outcome: &&ItemOutcome| outcome.category.split('.').next() == Some(name);
        let own: Vec<ItemOutcome> = outcomes.iter().filter(is_of_it).cloned().collect();
        let rates = paired::rates(&own);
        let source = put.suite.sources.iter().find(|source| source.name == name);
        let (Some(overall), Some(source)) = (rates.iter().find(|rate| rate.category == OVERALL), source) else {
            continue;
        };
        let marks: Vec<f64> = own.iter().map(|outcome| f64::from(u8::from(outcome.correct))).collect();
        let how = format!(
            "right answers over all questions of the file, {}; Wilson interval; one mark for each question",
            source.variant
        );
        // One greedy program for each problem is pass@1.
        let metric = if benchmark.writes_programs() { format!("{name}.pass@1") } else { name.to_owned() };
        evaluation.keep_share(&metric, overall.correct as f64 / overall.n as f64, overall.interval, &marks, &how)?;
    }
    Ok(())
}

/// What is put, and how it is told.
struct Put {
    suite: Suite,
    facts: Value,
    title: String,
    /// Lines about how it is put.
    asked: String,
    /// How questions reach the model.
    prompting: String,
}

fn evaluate(
    command: &Eval,
    put: &Put,
    mut session: plimsoll_engine::Session,
    evaluation: &mut Evaluation,
    as_json: bool,
) -> anyhow::Result<Vec<ItemOutcome>> {
    let Put { suite, facts, title, asked, prompting } = put;
    let asked_of = pictures(suite, &command.stress)?;
    let canaries = canary::put(suite, &mut session)?;
    if let Some(complaint) = canaries.complaint() {
        say(format_args!("note: the model {complaint}; it or this run is broken (`plimsoll verify` tells which)"));
    }
    let bar = progress::bar(suite.items.len() as u64, "answering");
    let (outcomes, curves) = evaluation.remembering(|journal| {
        let outcomes = runner::run_with(suite, &mut session, journal, |done| bar.set_position(done as u64))?;
        let mut curves = Vec::new();
        for stress in &command.stress {
            let mut worn = Vec::new();
            for (index, suite) in worn_suites(&asked_of, *stress).iter().enumerate() {
                let bar = progress::bar(suite.items.len() as u64, &format!("{} {}", stress.name(), index + 1));
                worn.push(runner::run_with(suite, &mut session, journal, |done| bar.set_position(done as u64))?);
                bar.finish_and_clear();
            }
            curves.extend(Curve::of(*stress, &about_pictures(suite, &outcomes), &worn));
        }
        Ok((outcomes, curves))
    })?;
    bar.finish_and_clear();
    let (rates, readings) = (paired::rates(&outcomes), readings(suite, &outcomes));
    if as_json {
        let mut document = json!({
            "model": command.model, "suite": facts, "prompting": prompting, "canaries": canaries,
            "rates": rates, "outcomes": outcomes,
        });
        if !readings.is_empty() {
            let told = |(benchmark, reading): &(String, Reading)| {
                json!({
                    "benchmark": benchmark, "rule": reading.name, "right": reading.right, "of": reading.of,
                    "share": reading.right / reading.of as f64,
                })
            };
            document["readings"] = readings.iter().map(told).collect();
        }
        if !curves.is_empty() {
            document["stress"] = json!(curves);
        }
        print_json(&document)?;
        return Ok(outcomes);
    }
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    writeln!(out, "{}  {title}\n{asked}\n", style.bold(&shown_text(&command.model, 120)))?;
    write_rates(&mut out, "category", &rates)?;
    write_readings(&mut out, &readings)?;
    for curve in &curves {
        write_curve(&mut out, curve)?;
    }
    Ok(outcomes)
}

/// What became of the questions about pictures.
fn about_pictures(suite: &Suite, outcomes: &[ItemOutcome]) -> Vec<ItemOutcome> {
    let shown = suite.items.iter().zip(outcomes).filter(|(item, _)| item.shows_pictures());
    shown.map(|(_, outcome)| outcome.clone()).collect()
}

/// The questions about pictures, where pictures are to be worn.
fn pictures(suite: &Suite, stress: &[Stress]) -> anyhow::Result<Suite> {
    let mut asked = suite.clone();
    asked.items.retain(|item| item.shows_pictures());
    if !stress.is_empty() && asked.items.is_empty() {
        bail!("--stress wears pictures, and none of these questions shows one");
    }
    Ok(asked)
}

fn write_readings(out: &mut impl Write, readings: &[(String, Reading)]) -> anyhow::Result<()> {
    if readings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nthe same answers by each rule of the benchmark")?;
    for (benchmark, Reading { name, right, of }) in readings {
        let rule = format!("{} {name}", shown_text(benchmark, 20));
        let share = 100.0 * right / *of as f64;
        // Rules that give parts of a point add up to a fraction.
        let right = if right.fract() == 0.0 { format!("{right}/{of}") } else { format!("{right:.2}/{of}") };
        writeln!(out, "{rule:<34} {right:>11}  {share:>5.1} %")?;
    }
    Ok(())
}

/// What is kept of the right answers as pictures get worse, a line and a bar for each degree.
fn write_curve(out: &mut impl Write, curve: &Curve) -> anyhow::Result<()> {
    let before = curve.points.first().map_or(0, |point| point.correct);
    writeln!(out, "\n{}: what is kept of {before} right answers", curve.stress.name())?;
    for point in &curve.points {
        let right = format!("{}/{}", point.correct, point.n);
        let kept = match (point.severity, point.kept_share, point.kept_interval) {
            (0, ..) => "pictures as they are".to_owned(),
            (_, Some(share), Some(interval)) => {
                let bar = "#".repeat((20.0 * share).round() as usize);
                let (share, low, high) = (100.0 * share, 100.0 * interval.low, 100.0 * interval.high);
                format!("{share:>5.1} % kept  {low:.1}…{high:.1} %  {bar}")
            }
            _ => "nothing to keep".to_owned(),
        };
        writeln!(out, "  {}  {right:>9} right  {kept}", point.severity)?;
    }
    Ok(())
}
