//! `plimsoll compare`

use std::borrow::Cow;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use plimsoll_catalog::{DeclaredUse, Purpose};
use plimsoll_formats::Vision;
use plimsoll_lab::bench::{Plan, Start};
use plimsoll_lab::compare::{self, Contestant, Options, Stage};
use plimsoll_lab::record::{Comparison, Side};
use plimsoll_lab::suite::{self, Suite};
use plimsoll_panel::judge::Background;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::Store;
use plimsoll_panel::{Report, ReportPaths, Style as TextStyle, render_text, shown_text, write_report};
use plimsoll_runtime::CacheType;

use crate::args::Compare;
use crate::evidence::{self, StoreJournal};
use crate::notice::say;
use crate::settings::Settings;
use crate::style::Style;
use crate::{catalogue, demo, model, progress};

/// What a model is wanted for where nobody says: the use with the most conditions.
const DEFAULT_USE: DeclaredUse = DeclaredUse { purpose: Purpose::Commercial, users: None, region: None };
/// Fresh processes in which each model is started.
const STARTS: usize = 3;

type StartError = Box<dyn std::error::Error + Send + Sync>;

/// Measures two models, prints them side by side and writes the report.
pub fn run(command: &Compare, settings: Settings, as_json: bool) -> anyhow::Result<()> {
    let contestants = [
        contestant(command.a.as_deref().unwrap_or(demo::NAMES[0]), &settings)?,
        contestant(command.b.as_deref().unwrap_or(demo::NAMES[1]), &settings)?,
    ];
    let rubric = command.rubric.as_deref().map_or_else(|| Ok(Rubric::builtin()), Rubric::open)?;
    let usage = command.usage.declared().unwrap_or(DEFAULT_USE);
    let mut store = evidence::open(&command.store)?;
    let paths = ReportPaths::in_folder(&command.report);
    if !command.no_report {
        require_writable(&command.report)?;
    }
    let options = options(command, &settings, &contestants)?;

    let mut shown: Option<(Stage, indicatif::ProgressBar)> = None;
    let mut on_progress = |now: compare::Progress| {
        if command.progress_json {
            let line = serde_json::json!({ "stage": now.stage.to_string(), "done": now.done, "of": now.of });
            return say(format_args!("{line}"));
        }
        if shown.as_ref().is_none_or(|(stage, _)| *stage != now.stage) {
            if let Some((_, bar)) = shown.take() {
                bar.finish_and_clear();
            }
            shown = Some((now.stage, progress::bar(now.of as u64, &now.stage.to_string())));
        }
        if let Some((_, bar)) = &shown {
            bar.set_position(now.done as u64);
        }
    };
    let files = [0, 1].map(|side| model::locate(&contestants[side].argument));
    let [a, b] = files;
    let files = [a?, b?]; // the process is not told of a folder of cards
    let mut fresh_start = |side: Side| start_in_a_process(&files[side.index()], &settings);
    let mut journal = StoreJournal::new(&mut store);
    let found = compare::compare(&contestants, &options, &mut journal, &mut fresh_start, &mut on_progress);
    journal.flush()?; // also of a comparison that failed: the next one goes on from there
    let comparison = found?;
    journal.forget()?;
    if let Some((_, bar)) = shown {
        bar.finish_and_clear();
    }
    let report = judged(&store, comparison, &contestants, &usage, &rubric)?;
    store.keep_report(&report, &rubric)?;
    if !command.no_report {
        write_report(&paths, &report, &rubric.text)?;
    }
    if as_json {
        return super::print_json(&report);
    }
    let style = if Style::stdout().coloured() { TextStyle::Ansi } else { TextStyle::Plain };
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", render_text(&report, style).trim_end())?;
    if !command.no_report {
        writeln!(out, "\nreport: {}\n        {}", paths.html.display(), paths.json.display())?;
    }
    Ok(())
}

fn contestant(argument: &str, settings: &Settings) -> anyhow::Result<Contestant> {
    let checkpoint = model::open(argument)?;
    let verified = super::verify::beside_weights(argument, &checkpoint, settings)?;
    Ok(Contestant { argument: argument.to_owned(), checkpoint, verified })
}

/// Has the panel judge what was measured.
fn judged(
    store: &Store,
    comparison: Comparison,
    contestants: &[Contestant; 2],
    usage: &DeclaredUse,
    rubric: &Rubric,
) -> anyhow::Result<Report> {
    let catalog = catalogue::open()?;
    let mut background = [Background::default(), Background::default()];
    for ((known, contestant), model) in background.iter_mut().zip(contestants).zip(&comparison.models) {
        let card = catalogue::card_of(&contestant.argument, &contestant.checkpoint)?;
        *known = Background::of(catalog, &model.facts, card, store.measurements_of(&model.facts.sha256)?);
    }
    Ok(Report::judged(comparison, background, usage, rubric))
}


fn options(command: &Compare, settings: &Settings, contestants: &[Contestant; 2]) -> anyhow::Result<Options> {
    let context = contestants.iter().map(|c| c.checkpoint.hyperparams.max_seq_len).min().unwrap_or(0);
    // A model with a short context is timed on what fits it.
    let plan = Plan {
        prefill_tokens: 256.min(context / 2).max(1),
        decode_tokens: 32.min(context / 2).max(1),
        repetitions: command.repeat.get(),
        ..Plan::default()
    };
    Ok(Options {
        session: model::session_options(settings.clone(), None, CacheType::default()),
        plan,
        starts: STARTS,
        suite: Suite::builtin(suite_for(contestants)?, command.seed, command.items.get())?,
        program: concat!("plimsoll ", env!("CARGO_PKG_VERSION")).to_owned(),
        reproduce: reproduce(command, settings, contestants, std::env::var("PLIMSOLL_ISA").ok().as_deref()),
    })
}

/// Questions of text, and about pictures where both models see. That only one does is said.
fn suite_for(contestants: &[Contestant; 2]) -> anyhow::Result<&'static str> {
    let mut seeing = Vec::new();
    for contestant in contestants {
        if Vision::of(&contestant.checkpoint, None)?.is_some() {
            seeing.push(&contestant.argument);
        }
    }
    match &seeing[..] {
        [_, _] => return Ok(suite::TEXT_AND_VISION),
        [only] => say(format_args!("note: only {} sees, so nothing is asked about pictures", shown_text(only, 120))),
        _ => {}
    }
    Ok(suite::ALL)
}

/// The command that makes the comparison again, as a shell takes it.
fn reproduce(
    command: &Compare,
    settings: &Settings,
    contestants: &[Contestant; 2],
    forced_isa: Option<&str>,
) -> String {
    let isa = forced_isa.map_or(String::new(), |isa| format!("PLIMSOLL_ISA={} ", quoted(isa)));
    let [a, b] = contestants.each_ref().map(|contestant| quoted(&contestant.argument));
    let Compare { items, seed, repeat, .. } = command;
    let pre = settings.pre.as_ref().map_or(String::new(), |pre| format!(" --pre {}", quoted(pre)));
    let threads = settings.threads;
    let usage = command.usage.declared().unwrap_or(DEFAULT_USE);
    let users = usage.users.map_or(String::new(), |users| format!(" --users {users}"));
    let region = usage.region.as_ref().map_or(String::new(), |region| format!(" --region {}", quoted(region)));
    let rubric = command.rubric.as_ref().map_or(String::new(), |file| format!(" --rubric {}", quoted(&file.to_string_lossy())));
    let usage = format!("--use {}{users}{region}{rubric}", usage.purpose);
    format!(
        "{isa}plimsoll compare {a} {b} --items {items} --seed {seed} --repeat {repeat} --threads {threads}{pre} {usage}"
    )
}

/// A word for a POSIX shell, in quotes where it needs them.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:,=@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// Finds out now, and not after the measurements, that the report has no place.
fn require_writable(folder: &Path) -> anyhow::Result<()> {
    if !folder.is_dir() {
        bail!("{}: no such folder for the report", folder.display());
    }
    tempfile::tempfile_in(folder).with_context(|| format!("{}: the report cannot be written", folder.display()))?;
    Ok(())
}

/// Has a process of its own load the model and answer once, so that its memory is its own.
fn start_in_a_process(model: &str, settings: &Settings) -> Result<Start, StartError> {
    let output = Command::new(std::env::current_exe()?)
        .args(["measure-memory", model, "--threads", &settings.threads.to_string()])
        .args(settings.pre.iter().flat_map(|pre| ["--pre", pre]))
        .env("PLIMSOLL_ISA", settings.isa.to_string())
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_comes_back_whole_from_a_shell() {
        assert_eq!(quoted("./smollm3-q4.gguf"), "./smollm3-q4.gguf");
        for path in ["my models/it's $HOME.gguf", "", "a;b", "~/m"] {
            let script = format!("printf %s {}", quoted(path));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), path, "{script}");
        }
    }
}
