//! Writes the report of an imagined comparison into the folder named (default: the current one), to look at.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use plimsoll_panel::rubric::Rubric;
use plimsoll_panel::{Detail, ReportPaths, Style, render_text, write_report};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let report = fixture::report();
    print!("{}", render_text(&report, Style::Plain, Detail::Full));
    write_report(&ReportPaths::of(folder.as_ref(), &report.ids()), &report, &Rubric::builtin().text)?;
    Ok(())
}
