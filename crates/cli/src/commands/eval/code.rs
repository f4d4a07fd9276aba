//! Programs that the model writes: the built-in tasks, and HumanEval's.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use plimsoll_lab::code::run::{Attempt, PassAtK, ProgramSampling, check, check_canaries, pass_at, run};
use plimsoll_lab::code::{CodeSuite, DEFAULT_CODE_ITEMS, Problem, humaneval as file};
use plimsoll_lab::paired::{OVERALL, Rate};
use plimsoll_lab::record::Unit;
use plimsoll_lab::stats::{LEVEL, wilson};
use plimsoll_panel::shown_text;
use plimsoll_sandbox::{ProgramVerdict, Sandbox};
use serde_json::{Value, json};

use super::prompting::{strict_prompting, words};
use super::rates::write_rates;
use crate::args::Eval;
use crate::evaluation::Evaluation;
use crate::notice::say;
use crate::output::print_json;
use crate::settings::Settings;
use crate::style::Style;
use crate::{model, progress};

/// Exit status where nothing was measured because there is no sandbox.
const SKIPPED: u8 = 2;
/// How programs end, in the order in which they are told.
const ENDS: [&str; 6] =
    ["passed", "failed", "took too long", "ran out of memory", "printed too much", "ended by a signal"];

/// What is to be written, and whence it came.
struct Tasks {
    problems: Vec<Problem>,
    /// Problems whose own solutions are tried first.
    canaries: Vec<Problem>,
    title: String,
    source: Value,
    /// Whether these are all that there are.
    is_whole: bool,
}

pub fn builtin(command: &Eval, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let each = command.questions.each()?;
    let suite = CodeSuite::builtin(command.seed, each.map_or(DEFAULT_CODE_ITEMS, NonZeroUsize::get))?;
    let (id, n) = (suite.id(), suite.problems.len());
    let tasks = Tasks {
        title: format!("suite {} of {n} programs, seed {}", suite.name, suite.seed),
        source: json!({ "name": suite.name, "id": id, "seed": suite.seed, "items": n }),
        canaries: vec![suite.canary],
        problems: suite.problems,
        is_whole: each.is_none(),
    };
    evaluate(command, tasks, settings, as_json)
}

pub fn humaneval(command: &Eval, path: &Path, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut problems = file::read(path)?;
    let all = problems.len();
    problems.truncate(command.questions.each()?.map_or(all, NonZeroUsize::get));
    let n = problems.len();
    let part = if n < all { format!("the first {n} of {all}") } else { n.to_string() };
    let tasks = Tasks {
        title: format!("HumanEval, {part} problems"),
        source: json!({ "name": file::HUMANEVAL, "file": path, "items": n, "of": all }),
        canaries: problems.clone(),
        problems,
        is_whole: n == all,
    };
    evaluate(command, tasks, settings, as_json)
}

fn evaluate(command: &Eval, tasks: Tasks, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let sandbox = match Sandbox::available() {
        Ok(sandbox) => sandbox,
        Err(why) => return skipped(command, &tasks.source, &why, as_json),
    };
    let checkpoint = model::open(&command.model)?;
    let mut session = model::session(&checkpoint, settings.clone())?;
    let mut evaluation = Evaluation::of(&command.model, &checkpoint, &session, &settings, &command.store)?;
    let Eval { temperature, seed, .. } = *command;
    let prompting = strict_prompting(command, &session)?;
    let sampling = ProgramSampling { prompting, samples: command.samples.get(), temperature, seed };
    let mut ks: Vec<usize> = command.k.iter().map(|k| k.get()).collect();
    ks.dedup();
    check(&sampling, &ks)?;
    check_canaries(&tasks.canaries, &sandbox)?;
    let bar = progress::bar((tasks.problems.len() * sampling.samples) as u64, "writing programs");
    let heard = |done| bar.set_position(done as u64);
    let attempts = evaluation
        .remembering(|journal| Ok(run(&tasks.problems, &sampling, &mut session, &sandbox, journal, heard)?))?;
    bar.finish_and_clear();
    let found: Vec<PassAtK> = ks.iter().filter_map(|k| pass_at(*k, &attempts)).collect();
    keep(&mut evaluation, &tasks, &sampling, &found, &attempts)?;
    if as_json {
        print_json(&json!({
            "model": command.model, "suite": tasks.source, "sampling": sampling, "pass_at_k": found,
            "attempts": attempts,
        }))?;
    } else {
        print(command, &tasks, &sampling, &found, &attempts)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says that nothing was run, for there is no sandbox.
pub(super) fn skipped(
    command: &Eval,
    suite: &Value,
    why: &dyn std::error::Error,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    say(format_args!("skipped: {}", shown_text(&why.to_string(), 1000)));
    if as_json {
        print_json(&json!({ "model": command.model, "suite": suite, "skipped": why.to_string() }))?;
    }
    Ok(ExitCode::from(SKIPPED))
}

/// Keeps what was found of a whole benchmark; of a part it would be another number by the same name.
fn keep(
    evaluation: &mut Evaluation,
    tasks: &Tasks,
    sampling: &ProgramSampling,
    found: &[PassAtK],
    attempts: &[Attempt],
) -> anyhow::Result<()> {
    if !tasks.is_whole {
        return Ok(());
    }
    let name = tasks.source["name"].as_str().unwrap_or_default();
    let shares: Vec<f64> =
        attempts.iter().map(|attempt| attempt.passed as f64 / attempt.samples.len().max(1) as f64).collect();
    for PassAtK { k, value, interval, method } in found {
        let (asked, temperature, samples) = (words(sampling.prompting), sampling.temperature, sampling.samples);
        let how = format!(
            "pass@{k} over problems, {asked}, {samples} samples each at temperature {temperature}, judged in a sandbox; \
             {method}; one share of passed samples for each problem"
        );
        evaluation.keep_share(&format!("{name}.pass@{k}"), *value, *interval, &shares, &how)?;
    }
    Ok(())
}

fn print(
    command: &Eval,
    tasks: &Tasks,
    sampling: &ProgramSampling,
    found: &[PassAtK],
    attempts: &[Attempt],
) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    writeln!(out, "{}  {}", style.bold(&shown_text(&command.model, 120)), tasks.title)?;
    writeln!(out, "{}, temperature {}", words(sampling.prompting), sampling.temperature)?;
    let n = sampling.samples;
    writeln!(out, "{n} sample{} a problem, each judged in a sandbox\n", if n == 1 { "" } else { "s" })?;
    let rates = rates(attempts);
    // Samples of one problem are no independent draws: their rates have no Wilson interval.
    if sampling.samples == 1 && rates.len() > 2 {
        write_rates(&mut out, "category", &rates)?;
        writeln!(out)?;
    }
    for PassAtK { k, value, interval, method } in found {
        let scale = Unit::Share.scale(&[*value]);
        let (pass, interval) = (format!("pass@{k}"), scale.show_interval(*interval, *value));
        writeln!(out, "{pass:<9} {:>5} %  {interval}  95 %, {method}", scale.show(*value))?;
    }
    writeln!(out, "\n{}", ends(attempts))?;
    Ok(())
}

/// Passed problems of every category and of all, where each has one sample.
fn rates(attempts: &[Attempt]) -> Vec<Rate> {
    let mut categories: Vec<&str> = attempts.iter().map(|attempt| attempt.category.as_str()).collect();
    categories.dedup();
    categories.push(OVERALL);
    let rate = |category: &&str| {
        let meant = attempts.iter().filter(|attempt| *category == OVERALL || attempt.category == *category);
        let (n, correct) = meant.fold((0, 0), |(n, passed), attempt| (n + 1, passed + attempt.passed));
        Some(Rate { category: (*category).to_owned(), correct, n, interval: wilson(correct, n, LEVEL)?, known: None })
    };
    categories.iter().filter_map(rate).collect()
}

/// How the programs ended, in a line: one that was stopped says more than one that was wrong.
fn ends(attempts: &[Attempt]) -> String {
    let verdicts = || attempts.iter().flat_map(|attempt| &attempt.samples).map(|sample| end(&sample.verdict));
    let counted = ENDS.iter().map(|name| (verdicts().filter(|end| end == name).count(), name));
    let told: Vec<String> = counted.filter(|(n, _)| *n > 0).map(|(n, name)| format!("{n} {name}")).collect();
    format!("of {} programs: {}", verdicts().count(), told.join(", "))
}

fn end(verdict: &ProgramVerdict) -> &'static str {
    ENDS[match verdict {
        ProgramVerdict::Passed => 0,
        ProgramVerdict::Failed { .. } => 1,
        ProgramVerdict::TimedOut => 2,
        ProgramVerdict::OutOfMemory => 3,
        ProgramVerdict::OutputLimit => 4,
        ProgramVerdict::Killed { .. } => 5,
    }]
}
