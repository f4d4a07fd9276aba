//! `plimsoll evidence`

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{Checked, Kind, Store};
use plimsoll_panel::{CSV_HEADER, markdown, samples_csv, shown_text, write_whole};
use serde_json::json;

use crate::evidence;
use crate::evidence_args::{Check, Evidence, EvidenceCommand, Export, Import, Withdraw};
use crate::style::Style;

/// Characters of a fault; what is longer quotes a file that was written to annoy.
const LONGEST_FAULT: usize = 600;

/// Bytes that tell what a file is: the first block of a tar archive.
const HEAD: u64 = 512;

/// Exports, imports, checks or withdraws; status 1 where a check finds something that does not hold.
pub fn run(command: &Evidence, as_json: bool) -> anyhow::Result<ExitCode> {
    match &command.command {
        EvidenceCommand::Export(command) => export(command, as_json)?,
        EvidenceCommand::Import(command) => import(command, as_json)?,
        EvidenceCommand::Check(command) => return check(command, as_json),
        EvidenceCommand::Withdraw(command) => withdraw(command, as_json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn export(command: &Export, as_json: bool) -> anyhow::Result<()> {
    let kind = command.file.extension().and_then(|kind| kind.to_str()).map(str::to_lowercase);
    if !matches!(kind.as_deref(), Some("tar" | "csv" | "md")) {
        bail!(
            "`{}`: evidence is written as .tar (a bundle to import elsewhere), .csv (every raw sample) or .md (what the \
             panel said), told by the file's name",
            command.file.display()
        );
    }
    let store = evidence::open_to_read(&command.store)?;
    let ids = command.comparisons.iter().map(|start| store.find(start, Some(Kind::Comparison)));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    if let Some(kind @ ("csv" | "md")) = kind.as_deref() {
        return export_text(command, &store, ids, kind, as_json);
    }
    let records = store.export(&command.file, &ids)?;
    if as_json {
        return super::print_json(&json!({ "file": command.file, "records": records }));
    }
    writeln!(std::io::stdout().lock(), "{records} records in {}", command.file.display())?;
    Ok(())
}

/// Samples as CSV, or what the panel said as Markdown.
fn export_text(command: &Export, store: &Store, ids: Vec<String>, kind: &str, as_json: bool) -> anyhow::Result<()> {
    let ids = if ids.is_empty() { store.all_comparisons()? } else { ids };
    let mut text = if kind == "csv" { CSV_HEADER.to_owned() } else { String::new() };
    for id in &ids {
        if kind == "csv" {
            text += &samples_csv(id, &store.comparison(id)?);
        } else if let Some(report) = store.report(id)? {
            text += &format!("{}\n", markdown(&report));
        }
    }
    write_whole(&command.file, text.as_bytes())?;
    if as_json {
        return super::print_json(&json!({ "file": command.file, "comparisons": ids.len() }));
    }
    let s = if ids.len() == 1 { "" } else { "s" };
    writeln!(std::io::stdout().lock(), "{} comparison{s} in {}", ids.len(), command.file.display())?;
    Ok(())
}

fn import(command: &Import, as_json: bool) -> anyhow::Result<()> {
    if let Some(found) = no_bundle(&command.file)? {
        bail!(
            "`{}` is {found}; what is imported is a bundle, as `plimsoll evidence export FILE.tar` writes",
            command.file.display()
        );
    }
    let mut store = evidence::open(&command.store)?;
    let new = store.import(&command.file)?;
    if as_json {
        return super::print_json(&json!({ "file": command.file, "new_records": new }));
    }
    writeln!(std::io::stdout().lock(), "{new} new records from {}", command.file.display())?;
    Ok(())
}

/// What a file is that was taken for a bundle; `None` for what begins as a tar archive does.
fn no_bundle(file: &Path) -> anyhow::Result<Option<&'static str>> {
    let mut head = Vec::new();
    let opened = std::fs::File::open(file).with_context(|| file.display().to_string())?;
    opened.take(HEAD).read_to_end(&mut head).with_context(|| file.display().to_string())?;
    if head.get(257..262) == Some(b"ustar") {
        return Ok(None);
    }
    let text = head.trim_ascii_start();
    Ok(Some(match text {
        [] => "empty",
        [b'#', ..] => "what the panel said, as Markdown",
        [b'{', ..] => "JSON; a report is read by `plimsoll evidence check`",
        [b'<', ..] => "a page; a report is read by `plimsoll evidence check`",
        [0x1f, 0x8b, ..] => "compressed; unpack it first",
        _ if text.starts_with(CSV_HEADER.trim_end().as_bytes()) => "samples as CSV",
        _ => "no tar archive",
    }))
}

fn withdraw(command: &Withdraw, as_json: bool) -> anyhow::Result<()> {
    let mut store = evidence::open(&command.store)?;
    let id = store.find(&command.id, None)?;
    store.withdraw(&id, &command.reason)?;
    if as_json {
        return super::print_json(&json!({ "withdrawn": id, "reason": command.reason }));
    }
    writeln!(std::io::stdout().lock(), "withdrawn: {id}")?;
    Ok(())
}

/// One line of what was checked, with its faults.
struct Found {
    name: String,
    about: String,
    faults: Vec<String>,
}

fn check(command: &Check, as_json: bool) -> anyhow::Result<ExitCode> {
    let rubrics: Vec<Rubric> = command.rubric.as_deref().map(Rubric::open).transpose()?.into_iter().collect();
    let found = match command.what.as_deref() {
        Some(file) if Path::new(file).is_file() => vec![check_report(Path::new(file), &rubrics)?],
        what => check_store(command, what, &rubrics)?,
    };
    // A check that looked at nothing has not passed.
    let passed = !found.is_empty() && found.iter().all(|found| found.faults.is_empty());
    if as_json {
        let checked =
            found.iter().map(|found| json!({ "of": found.name, "about": found.about, "faults": found.faults }));
        super::print_json(&json!({ "passed": passed, "checked": checked.collect::<Vec<_>>() }))?;
    } else {
        print(&found)?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn check_report(file: &Path, rubrics: &[Rubric]) -> anyhow::Result<Found> {
    let written = evidence::read_report(file)?;
    let faults = evidence::faults(&written, rubrics)?;
    let reports = written.report.reports();
    let measurements: usize = reports.iter().map(|report| report.comparison.measurements().len()).sum();
    let about = match reports.len() {
        1 => format!("{measurements} measurements"),
        pairs => format!("{measurements} measurements in {pairs} comparisons"),
    };
    Ok(Found { name: file.display().to_string(), about, faults })
}

fn check_store(command: &Check, what: Option<&str>, rubrics: &[Rubric]) -> anyhow::Result<Vec<Found>> {
    let store = evidence::open_to_read(&command.store)?;
    let ids = match what {
        Some(start) => vec![store.find(start, Some(Kind::Comparison))?],
        None => store.all_comparisons()?,
    };
    let mut found = Vec::new();
    for id in ids {
        let Checked { comparison, models: [a, b], records, judgements, faults } = store.check(&id, rubrics)?;
        let judged = match judgements {
            0 => "never judged".to_owned(),
            1 => "judged once".to_owned(),
            times => format!("judged {times} times"),
        };
        let (a, b) = (shown_text(&a, 24), shown_text(&b, 24));
        found.push(Found { name: comparison, about: format!("{a} against {b}: {records} records, {judged}"), faults });
    }
    Ok(found)
}

fn print(found: &[Found]) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    if found.is_empty() {
        writeln!(out, "nothing was checked: the store holds no comparisons\n`plimsoll compare A B` makes one")?;
    }
    for Found { name, about, faults } in found {
        let is_id = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = if is_id { name[..12].to_owned() } else { shown_text(name, 60) };
        let word = if faults.is_empty() { style.green("passed") } else { style.red("FAILED") };
        writeln!(out, "{word}  {name}\n        {about}")?;
        for fault in faults {
            writeln!(out, "        {}", shown_text(fault, LONGEST_FAULT))?;
        }
    }
    Ok(())
}
