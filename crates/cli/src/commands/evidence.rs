//! `plimsoll evidence`

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use plimsoll_lab::standing::Standing;
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{Checked, Imported, Kind, Store};
use plimsoll_panel::{CSV_HEADER, broken, markdown, samples_csv, shown_text, write_whole};
use serde_json::json;

use crate::args::{Check, Evidence, EvidenceCommand, Export, Import, Withdraw};
use crate::evidence;
use crate::notice::say;
use crate::output;
use crate::rows::HANG;
use crate::style::Style;

/// Characters of a fault; what is longer quotes a file that was written to annoy.
const LONGEST_FAULT: usize = 600;

/// What a check shows, and what nothing in a file can show.
const SHOWS: &str = "A pass shows that it fits together, not who measured it, or that anyone did.";

/// Digits of an id, and of one as it is shown.
const WHOLE_ID: usize = 64;
const SHORT_ID: usize = 12;
/// Columns of what stands below a line.
const WIDTH: usize = 72;

/// Bytes that tell what a file is: the first block of a tar archive.
const HEAD: u64 = 512;

/// Exports, imports, checks or withdraws; status 1 where a check finds something that does not hold, 2 where there is nothing
/// to check.
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
        return output::print_json(&json!({ "file": command.file, "records": records }));
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
        return output::print_json(&json!({ "file": command.file, "comparisons": ids.len() }));
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
    let Imported { new, not_withdrawn } = store.import(&command.file)?;
    if !not_withdrawn.is_empty() {
        let n = not_withdrawn.len();
        say(format_args!(
            "note: it calls {n} of the records withdrawn that were here before; they stay as they are, and \
             `plimsoll evidence withdraw` withdraws them"
        ));
    }
    if as_json {
        return output::print_json(
            &json!({ "file": command.file, "new_records": new, "not_withdrawn": not_withdrawn }),
        );
    }
    writeln!(std::io::stdout().lock(), "{new} new records from {}", command.file.display())?;
    Ok(())
}

/// What a file is that was taken for a bundle; `None` for what begins as a tar archive does.
fn no_bundle(file: &Path) -> anyhow::Result<Option<&'static str>> {
    let mut head = Vec::new();
    // Opening a pipe waits for somebody who writes.
    if std::fs::metadata(file).is_ok_and(|about| !about.is_file()) {
        return Ok(Some("no file"));
    }
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
        return output::print_json(&json!({ "withdrawn": id, "reason": command.reason }));
    }
    writeln!(std::io::stdout().lock(), "withdrawn: {id}")?;
    Ok(())
}

/// One line of what was checked, with its faults.
struct Found {
    name: String,
    about: String,
    faults: Vec<String>,
    /// What was not looked at, or differs from what this program knows, in sentences.
    notes: Vec<String>,
}

fn check(command: &Check, as_json: bool) -> anyhow::Result<ExitCode> {
    let rubrics: Vec<Rubric> = command.rubric.as_deref().map(Rubric::open).transpose()?.into_iter().collect();
    let found = match command.what.as_deref() {
        Some(file) if Path::new(file).is_file() => vec![check_report(Path::new(file), &rubrics)?],
        what => check_store(command, what, &rubrics)?,
    };
    let standing = match &found[..] {
        // Of nothing nothing is shown.
        [] => Standing::Inconclusive,
        all if all.iter().all(|found| found.faults.is_empty()) => Standing::Passed,
        _ => Standing::Failed,
    };
    if as_json {
        let checked = found.iter().map(
            |found| json!({ "of": found.name, "about": found.about, "faults": found.faults, "notes": found.notes }),
        );
        output::print_json(&json!({
            "passed": standing == Standing::Passed, "standing": standing, "shows": SHOWS,
            "checked": checked.collect::<Vec<_>>(),
        }))?;
    } else {
        print(&found)?;
    }
    Ok(output::status_of(standing))
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
    Ok(Found { name: file.display().to_string(), about, faults, notes: evidence::notes(&written) })
}

fn check_store(command: &Check, what: Option<&str>, rubrics: &[Rubric]) -> anyhow::Result<Vec<Found>> {
    let path = evidence::path(&command.store)?;
    if !path.exists() {
        match (what, &command.store.store) {
            (Some(what), _) => bail!("`{what}` is no file, and there is no evidence store `{}`", path.display()),
            // One that was named is to be there.
            (None, Some(_)) => {}
            (None, None) => return Ok(Vec::new()),
        }
    }
    let store = evidence::open_to_read(&command.store)?;
    let ids = match what {
        // An id has neither; what was meant is a report.
        Some(file) if file.contains(['.', '/']) => bail!("`{file}`: there is no such file"),
        Some(start) => vec![store.find(start, Some(Kind::Comparison))?],
        None => store.all_comparisons()?,
    };
    let mut found = Vec::new();
    for id in ids {
        let Checked { comparison, models: [a, b], withdrawn, records, judgements, faults, unmarked, differing } =
            store.check(&id, rubrics)?;
        let judged = match judgements {
            0 => "never judged".to_owned(),
            1 => "judged once".to_owned(),
            times => format!("judged {times} times"),
        };
        let (a, b) = (shown_text(&a, 24), shown_text(&b, 24));
        let withdrawn = withdrawn.map_or_else(String::new, |why| format!("; WITHDRAWN: {}", shown_text(&why, 200)));
        let about = format!("{a} against {b}: {records} records, {judged}{withdrawn}");
        found.push(Found { name: comparison, about, faults, notes: unmarked.into_iter().chain(differing).collect() });
    }
    let faults = if what.is_none() { store.check_lists()? } else { Vec::new() };
    if !faults.is_empty() {
        let about = "what is kept beside what is listed".to_owned();
        found.push(Found { name: store.path().display().to_string(), about, faults, notes: Vec::new() });
    }
    Ok(found)
}

fn print(found: &[Found]) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    if found.is_empty() {
        let word = style.standing(Standing::Inconclusive);
        writeln!(out, "{word}: there are no comparisons to check\n`plimsoll compare A B` makes one")?;
        return Ok(());
    }
    for Found { name, about, faults, notes } in found {
        let name = with_short_ids(&shown_text(name, 70));
        let word = style.standing(Standing::of(true, faults.is_empty()));
        writeln!(out, "{word}  {name}")?;
        let notes = notes.iter().map(|note| shown_text(note, LONGEST_FAULT));
        for line in [about.clone()].into_iter().chain(notes).flat_map(|text| broken(&text, WIDTH, HANG)) {
            writeln!(out, "        {line}")?;
        }
        for fault in faults {
            for line in broken(&with_short_ids(&shown_text(fault, LONGEST_FAULT)), WIDTH, HANG) {
                writeln!(out, "        {line}")?;
            }
        }
    }
    if found.iter().all(|found| found.faults.is_empty()) {
        writeln!(out, "\n{}", style.dim(SHOWS))?;
    }
    Ok(())
}

/// A text in which the digits that stand for a whole id stand for it, as they do on the command line.
fn with_short_ids(text: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    let words = text.split_inclusive(|c| !is_digit(c));
    words
        .map(|word| match word.trim_end_matches(|c| !is_digit(c)) {
            id if id.len() == WHOLE_ID => format!("{}{}", &id[..SHORT_ID], &word[WHOLE_ID..]),
            _ => word.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::with_short_ids;

    #[test]
    fn only_whole_ids_are_shown_short() {
        let id = "0123456789abcdef".repeat(4);
        assert_eq!(with_short_ids(&format!("record {id} ({id})")), "record 0123456789ab (0123456789ab)");
        assert_eq!(with_short_ids(&id), "0123456789ab");
        let longer = format!("{id}0");
        assert_eq!(with_short_ids(&longer), longer);
        assert_eq!(with_short_ids("abc déjà"), "abc déjà");
    }
}
