//! `plimsoll gate`

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use plimsoll_panel::gate::{Found, Gated, Rules, Standing, evaluate, junit};
use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::store::{Checked, Kind};
use plimsoll_panel::{Report, broken, shown_text, write_whole};

use super::compare::require_writable;
use crate::args::Gate;
use crate::evidence::{self, Held, NoRubric};
use crate::measured::{ProgressStyle, measured};
use crate::output;
use crate::rows::{HANG, LONGEST};
use crate::settings::Settings;
use crate::style::Style;

/// Columns of the outcome, with the blanks behind it.
const OUTCOME: usize = 14;
/// Columns beside it.
const WIDTH: usize = 80 - OUTCOME;

/// Holds a model against rules; the status says how it stands.
pub fn run(command: &Gate, settings: &Settings, as_json: bool) -> anyhow::Result<ExitCode> {
    let rules = Rules::open(&command.rules)?;
    if let Some(file) = &command.junit {
        require_writable(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    }
    let report = match (&command.from, &command.model, &command.baseline) {
        (Some(from), ..) => for_the_use(read(from, command)?, command)?,
        (None, Some(model), Some(baseline)) => {
            if let (Some(rule), None) = (rules.on_the_licence(), command.measure.usage.declared()) {
                bail!("rule `{}` is about the licence: --use says what the model is wanted for", rule.name);
            }
            measured(model, baseline, &command.measure, settings, ProgressStyle::Bar)?.report
        }
        _ => unreachable!("the arguments require one of them"),
    };
    let gated = evaluate(&report, &rules)?;
    if let Some(file) = &command.junit {
        write_whole(file, junit(&gated).as_bytes())?;
    }
    let written = if as_json { output::print_json(&gated) } else { print(&gated) };
    if let Err(error) = written {
        // Nobody reads on, and the answer is in the status.
        let is_closed = error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe);
        if !is_closed {
            return Err(error);
        }
    }
    Ok(output::status_of(gated.standing))
}

/// A report that says what it said when it was written: of a file, or of the store.
fn read(from: &str, command: &Gate) -> anyhow::Result<Report> {
    let rubrics: Vec<Rubric> = command.measure.rubric.as_deref().map(Rubric::open).transpose()?.into_iter().collect();
    let (report, faults) = if Path::new(from).is_file() {
        let written = evidence::read_report(Path::new(from))?;
        let faults = evidence::faults(&written, &rubrics)?;
        match written.report {
            Held::Two(report) => (Some(*report), faults),
            Held::Field(_) => bail!("report `{from}` is of three models or more; a gate holds one beside one baseline"),
        }
    } else if from.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let store = evidence::open(&command.measure.store)?;
        let id = store.find(from, Some(Kind::Comparison))?;
        let Checked { withdrawn, faults, .. } = store.check(&id, &rubrics)?;
        if let Some(reason) = withdrawn {
            bail!("comparison {from} was withdrawn: {}", shown_text(&reason, 200));
        }
        (if faults.is_empty() { store.report(&id)? } else { None }, faults)
    } else {
        bail!("`{from}` is neither a report's file nor the id of a comparison");
    };
    match (report, &faults[..]) {
        (_, [fault, ..]) => bail!("report `{from}`: {fault}"),
        (Some(report), []) => Ok(report),
        (None, []) => bail!("comparison {from} was never judged"),
    }
}

/// The same evidence judged for the use and the needs that are declared here, where they are; by the rubric that it was
/// judged by before.
fn for_the_use(report: Report, command: &Gate) -> anyhow::Result<Report> {
    let (usage, needs) = (command.measure.usage.declared(), command.measure.declared_needs());
    if usage.is_none() && needs.is_empty() {
        return Ok(report);
    }
    let mut demand = report.judgement.demand();
    demand.usage = usage.unwrap_or(demand.usage);
    demand.needs.extend(needs);
    let rubrics: Vec<Rubric> = command.measure.rubric.as_deref().map(Rubric::open).transpose()?.into_iter().collect();
    let sha256 = &report.judgement.rubric;
    let rubric = Rubric::at_hand(sha256, &rubrics).ok_or_else(|| NoRubric { sha256: sha256.clone() })?;
    Ok(Report::judged(report.comparison, report.background, &demand, &rubric))
}

fn print(gated: &Gated) -> anyhow::Result<()> {
    let style = Style::stdout();
    let painted = |standing: Standing, text: &str| match standing {
        Standing::Passed => style.green(text),
        Standing::Failed => style.red(text),
        Standing::Inconclusive => style.bold(text),
    };
    let mut out = String::new();
    let title = format!("{} against {}", shown_text(&gated.model, 32), shown_text(&gated.baseline, 32));
    writeln!(out, "{}", style.bold(&title))?;
    writeln!(out, "{}", style.dim(&shown_text(&format!("{} use; {}", gated.usage, gated.device), 80)))?;
    for Found { rule, asks, standing, found, why, .. } in &gated.rules {
        let word = painted(*standing, &format!("{:<OUTCOME$}", standing.to_string()));
        writeln!(out, "\n{word}{}", shown_text(rule, WIDTH))?;
        let blank = " ".repeat(OUTCOME);
        // Nothing is cut: a clause that is cut may be the one that counts.
        let lines = |text: &str| broken(&shown_text(text, LONGEST), WIDTH, HANG);
        for line in lines(asks).iter().filter(|_| asks != rule).chain(&lines(found)) {
            writeln!(out, "{blank}{line}")?;
        }
        for line in lines(why) {
            writeln!(out, "{blank}{}", style.dim(&line))?;
        }
    }
    let counts = [Standing::Passed, Standing::Failed, Standing::Inconclusive]
        .map(|standing| format!("{} {standing}", gated.count(standing)));
    writeln!(out, "\n{}: {}", painted(gated.standing, &gated.standing.to_string()), counts.join(", "))?;
    io::stdout().lock().write_all(out.as_bytes())?;
    Ok(())
}
