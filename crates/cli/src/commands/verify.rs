//! `plimsoll verify`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use plimsoll_engine::{ChatTemplate, Clock, Tokenizer};
use plimsoll_formats::Checkpoint;
use plimsoll_lab::verify::{self, CaseReport, ChatReport, Golden, Greedy};
use plimsoll_panel::shown_text;
use plimsoll_runtime::{Arithmetic, Program};
use serde_json::json;

use crate::args::Verify;
use crate::settings::Settings;
use crate::style::Style;
use crate::{demo, model, progress};

/// Compares with a golden file; status 0 if everything agrees.
pub fn run(command: &Verify, settings: Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let checkpoint = model::open(&command.model)?;
    let golden = golden(command, &checkpoint)?;
    let tokenizer = Tokenizer::of(&checkpoint, settings.pre.as_deref())?;
    let mut program = Program::load(&checkpoint, settings.isa, settings.threads, Arithmetic::Exact)?;

    let bar = progress::bar(golden.cases.len() as u64, "verifying");
    let mut cases = Vec::new();
    for (index, case) in golden.cases.iter().enumerate() {
        cases.push(verify::verify_case(&mut program, &tokenizer, index, case)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let mut chats = Vec::new();
    if !golden.chats.is_empty() {
        let template = ChatTemplate::of(&checkpoint, &tokenizer)?;
        let template = template.with_context(|| format!("{}: no chat template for chats", checkpoint.display()))?;
        let now = golden.now.as_deref().map(Clock::parse).transpose()?;
        for chat in &golden.chats {
            chats.push(verify::verify_chat(&template, &tokenizer, chat, now)?);
        }
    }
    let tolerance = command.tolerance;
    let compared = cases.iter().filter(|case| case.skipped.is_none()).count();
    let passed =
        compared > 0 && cases.iter().all(|case| case.passed(tolerance)) && chats.iter().all(ChatReport::passed);
    if as_json {
        super::print_json(&json!({
            "model": command.model, "isa": settings.isa.to_string(), "threads": settings.threads,
            "tolerance": tolerance, "passed": passed, "cases": cases, "chats": chats,
        }))?;
    } else {
        print(command, &settings, &golden, &cases, &chats, passed)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The golden file named, or the one beside the weights.
fn golden(command: &Verify, checkpoint: &Checkpoint) -> anyhow::Result<Golden> {
    if let (None, Some(bytes)) = (&command.golden, demo::golden(&command.model)) {
        return Ok(verify::read_golden(&command.model, bytes)?);
    }
    let path = match (&command.golden, &checkpoint.path) {
        (Some(path), _) => path.clone(),
        (None, Some(path)) if path.is_dir() => path.join("golden.json"),
        (None, Some(path)) => path.with_file_name("golden.json"),
        (None, None) => PathBuf::from("golden.json"),
    };
    if !path.exists() {
        bail!("{}: no such golden file", path.display());
    }
    let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    Ok(verify::read_golden(&path.display().to_string(), &bytes)?)
}

fn print(
    command: &Verify,
    settings: &Settings,
    golden: &Golden,
    cases: &[CaseReport],
    chats: &[ChatReport],
    passed: bool,
) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    let reference = shown_text(golden.made_with.as_deref().unwrap_or("unnamed"), 120);
    writeln!(out, "{}  {} {} threads", style.bold(&shown_text(&command.model, 120)), settings.isa, settings.threads)?;
    writeln!(out, "reference: {reference}")?;
    writeln!(out, "logits agree within {:.0e}\n", command.tolerance)?;
    writeln!(
        out,
        "{:<24} {:>6}  {:<4} {:>9} {:>6} {:>8}  {:<12}",
        "case", "tokens", "ids", "max |Δ|", "argmax", "nll |Δ|", "greedy"
    )?;
    for case in cases {
        if let Some(why) = &case.skipped {
            writeln!(out, "{:<24} {:>6}  skipped: {why}", case.name, case.tokens)?;
            continue;
        }
        let mark = if case.passed(command.tolerance) { String::new() } else { style.red("  differs") };
        let ids = shown(case.ids_equal, |equal| if equal { "same" } else { "DIFF" }.to_owned());
        let delta = shown(case.max_delta, |delta| format!("{delta:.1e}"));
        let argmax =
            shown(case.argmax_wrong, |wrong| if wrong == 0 { "same".to_owned() } else { format!("{wrong} diff") });
        let nll = shown(case.nll_delta, |delta| format!("{delta:.1e}"));
        let greedy = shown(case.greedy, greedy_words);
        writeln!(
            out,
            "{:<24} {:>6}  {ids:<4} {delta:>9} {argmax:>6} {nll:>8}  {greedy:<12}{mark}",
            case.name, case.tokens
        )?;
    }
    for chat in chats {
        let (text, ids) = (same(chat.rendered_equal), same(chat.ids_equal));
        let problem = shown_text(chat.error.as_deref().unwrap_or(""), 400);
        writeln!(out, "{:<24} {:>6}  {ids:<4} template {text} {problem}", chat.name, "chat")?;
    }
    let worst = cases.iter().filter_map(|case| case.max_delta).fold(0.0, f32::max);
    let verdict = if passed { style.green("passed") } else { style.red("FAILED") };
    let skipped = cases.iter().filter(|case| case.skipped.is_some()).count();
    let (compared, chats) = (cases.len() - skipped, chats.len());
    writeln!(out, "\n{verdict}: max |Δ| {worst:.1e}; cases compared {compared}, skipped {skipped}; chats {chats}")?;
    Ok(())
}

fn shown<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

fn same(equal: bool) -> &'static str {
    if equal { "same" } else { "DIFF" }
}

fn greedy_words(greedy: Greedy) -> String {
    match greedy {
        Greedy::Equal { tokens } => format!("{tokens} same"),
        Greedy::EqualUntilTie { step } => format!("tie at {step}"),
        Greedy::Differs { step } => format!("DIFF at {step}"),
    }
}
