//! A table of right answers.

use std::io::Write;

use plimsoll_lab::paired::{OVERALL, Rate};
use plimsoll_lab::record::Unit;
use plimsoll_panel::shown_text;

/// A table of rates, a line each.
pub fn write_rates(out: &mut impl Write, heading: &str, rates: &[Rate]) -> anyhow::Result<()> {
    let width = rates.iter().map(|rate| shown_name(rate).chars().count()).max().unwrap_or(0).clamp(14, 40);
    let in_any_form = if rates.iter().any(|rate| rate.known.is_some()) { "  in any form" } else { "" };
    writeln!(out, "{heading:<width$} {:>11}  {:>7}  {:<13}{in_any_form}", "right", "rate", "95 % interval")?;
    for rate in rates {
        let Rate { correct, n, interval, known, .. } = rate;
        let right = format!("{correct}/{n}");
        let share = |count: usize| count as f64 / *n as f64;
        let scale = Unit::Share.scale(&[share(*correct)]);
        let shown = scale.show_interval(*interval, share(*correct));
        let known = known.map_or(String::new(), |known| format!("  {:>9} %", scale.show(share(known))));
        writeln!(
            out,
            "{:<width$} {right:>11}  {:>5} %  {shown:<13}{known}",
            shown_name(rate),
            scale.show(share(*correct))
        )?;
    }
    if !in_any_form.is_empty() {
        writeln!(out, "\nin any form: the right answer stands there, whether or not as it was asked for")?;
    }
    Ok(())
}

/// A category's name may be anything that a file says.
fn shown_name(rate: &Rate) -> String {
    if rate.category == OVERALL { OVERALL.to_owned() } else { shown_text(&rate.category, 40) }
}
