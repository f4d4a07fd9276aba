//! `plimsoll votes`

use std::io::Write;
use std::process::ExitCode;

use plimsoll_lab::standing::Standing;
use plimsoll_panel::shown_text;
use plimsoll_panel::store::Audit;
use serde_json::json;

use crate::args::{Votes, VotesCommand};
use crate::evidence;
use crate::output;
use crate::style::Style;

/// Characters of a page and of a network's key.
const PAGE: usize = 44;
const KEY: usize = 12;

/// Follows the log of votes; status 0 if log and counts agree, 2 if nobody voted.
pub fn run(command: &Votes, as_json: bool) -> anyhow::Result<ExitCode> {
    let VotesCommand::Audit(command) = &command.command;
    let nobody_voted = command.store.store.is_none() && !evidence::path(&command.store)?.exists();
    let audit = match nobody_voted {
        true => Audit::default(),
        false => evidence::open_to_read(&command.store)?.audit_votes()?,
    };
    let standing = Standing::of(audit.votes > 0, audit.passed());
    if as_json {
        let passed = standing == Standing::Passed;
        output::print_json(&json!({ "passed": passed, "standing": standing, "audit": audit }))?;
    } else {
        print(&audit, standing)?;
    }
    Ok(output::status_of(standing))
}

fn print(audit: &Audit, standing: Standing) -> anyhow::Result<()> {
    let (style, mut out) = (Style::stdout(), std::io::stdout().lock());
    let Audit { votes, broken_at, wrong_counts, filtered } = audit;
    match broken_at {
        None => writeln!(out, "log      whole, {votes} vote{}", if *votes == 1 { "" } else { "s" })?,
        Some(seq) => writeln!(
            out,
            "log      {} of {votes}: it is not what its hash says, or does not\n         follow the one before",
            style.red(&format!("BROKEN at vote {seq}"))
        )?,
    }
    if wrong_counts.is_empty() {
        writeln!(out, "counts   follow from the log")?;
    } else {
        writeln!(out, "counts   {} from the log on", style.red("DO NOT FOLLOW"))?;
        for page in wrong_counts {
            writeln!(out, "         {}", shown_text(page, 70))?;
        }
    }
    if filtered.is_empty() {
        writeln!(out, "filtered none")?;
    } else {
        writeln!(out, "filtered {:<PAGE$} {:<KEY$} {:>10}", "page", "network", "voters")?;
        for found in filtered {
            let (page, network) = (shown_text(&found.page, PAGE), found.network.get(..KEY).unwrap_or(&found.network));
            writeln!(out, "         {page:<PAGE$} {network:<KEY$} {:>10}", found.voters)?;
        }
    }
    writeln!(out, "\n{}", style.standing(standing))?;
    Ok(())
}
