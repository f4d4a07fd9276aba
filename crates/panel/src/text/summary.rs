//! What decides, in as many lines as a terminal has: a row for each difference, and a line for all that showed none.

use plimsoll_lab::record::{Comparison, Filled, Measurement, Side, Words};

use super::{Style, device, in_brackets, wrapped};
use crate::columns::padded;
use crate::table::{Row, sections};

/// Widths of the four columns with one blank between each; together 80.
const COLUMNS: [usize; 4] = [27, 11, 11, 28];
/// Kinds of questions that have rows of their own; of more, the largest differences do.
const KINDS: usize = 5;
/// Rows of speed, and of start and memory, from the first: shallow contexts come before deep ones.
const QUANTITIES: usize = 4;

/// Rows that show a difference, and one line about those that do not.
pub(super) fn table(comparison: &Comparison, style: Style) -> String {
    let mut out = format!("\n{}\n", style.bold(&line(["", "A", "B", "A against B"])));
    let mut alike: Vec<String> = Vec::new();
    let mut left_out = 0;
    for section in sections(comparison) {
        let is_accuracy = section.title == "Accuracy";
        let (shown, rest): (Vec<&Row>, Vec<&Row>) = (section.told(), section.alike());
        let chosen = if is_accuracy { largest(shown, 1 + KINDS) } else { first(shown, QUANTITIES) };
        left_out += section.rows.len() - rest.len() - chosen.len();
        for row in chosen {
            out += &format!("{}\n", shown_row(row, is_accuracy, style));
        }
        alike.extend(rest.iter().map(|row| short(&row.about)));
    }
    out += &note(&alike, left_out);
    out += &style.dim(&memory(comparison));
    out += &style.dim(&predicted(comparison));
    out + &device(comparison, style)
}

fn first(mut rows: Vec<&Row>, most: usize) -> Vec<&Row> {
    rows.truncate(most);
    rows
}

/// The rows whose difference is largest, in their own order.
fn largest(rows: Vec<&Row>, most: usize) -> Vec<&Row> {
    let mut by_size: Vec<&Row> = rows.iter().copied().filter(|row| !row.is_overall()).collect();
    by_size.sort_by(|a, b| b.size.total_cmp(&a.size));
    let overall = rows.iter().filter(|row| row.is_overall()).count();
    by_size.truncate(most.saturating_sub(overall));
    let is_chosen = |row: &&Row| row.is_overall() || by_size.iter().any(|chosen| std::ptr::eq(*chosen, *row));
    rows.into_iter().filter(is_chosen).collect()
}

fn shown_row(row: &Row, is_accuracy: bool, style: Style) -> String {
    let about = match (is_accuracy, row.is_overall()) {
        (true, true) => "right answers, %".to_owned(),
        (true, false) => format!("  {}", row.about),
        (false, _) => format!("{}, {}", short(&row.about), row.unit),
    };
    let mark = match row.words {
        Words::NoDifferenceSeen => "≈",
        Words::NoLossBeyondMargin => "=",
        Words::ABetter => Side::A.letter(),
        Words::BBetter => Side::B.letter(),
    };
    let difference =
        format!("{mark}  {} {}", row.difference.value.trim_end_matches(" points"), in_brackets(&row.difference));
    let text = line([&about, &row.a.value, &row.b.value, difference.trim_end()]);
    if row.winner().is_some() { style.bold(&text) } else { text }
}

/// A metric in a column of its own: `decode after 512 tokens` is `decode at 512`.
fn short(about: &str) -> String {
    if about.starts_with("peak memory ") {
        return "peak memory".to_owned();
    }
    match about.strip_suffix(" tokens").and_then(|about| about.split_once(" after ")) {
        Some((phase, "0")) => phase.to_owned(),
        Some((phase, depth)) => format!("{phase} at {depth}"),
        None => about.to_owned(),
    }
}

/// What the rows above leave out.
fn note(alike: &[String], left_out: usize) -> String {
    let mut out = String::new();
    if !alike.is_empty() {
        out += &format!("{}\n", wrapped(&format!("{} more, no difference seen: {}.", alike.len(), alike.join(", "))));
    }
    if left_out > 0 {
        let s = if left_out == 1 { "" } else { "s" };
        out += &format!("{left_out} difference{s} more; --full shows all.\n");
    }
    out
}

/// Of what peak memory is told.
fn memory(comparison: &Comparison) -> String {
    match &comparison.settings.filled {
        Some(filled) => format!("{}\n", wrapped(&format!("Peak memory is that {filled}."))),
        None => format!("Peak memory is that {} (--context N measures a full one).\n", Filled::ONE_ANSWER),
    }
}

/// What was expected before anything ran, in a line.
fn predicted(comparison: &Comparison) -> String {
    let [a, b] = &comparison.models;
    let mut parts = Vec::new();
    let mut part = |about: &str, of: [&Measurement; 2]| {
        let [a, b] = of.map(|error| error.text());
        parts.push(format!("{about} {}, {b}", a.trim_end_matches(" ×")));
    };
    if let (Some(a), Some(b)) = (a.speed.first(), b.speed.first()) {
        part("decode", [&a.decode_error, &b.decode_error]);
    }
    part("peak memory", [&a.memory.error, &b.memory.error]);
    let mut text = format!("Predicted ÷ measured, A, B: {}.", parts.join("; "));
    for side in Side::BOTH {
        if let Some(engine) = &comparison.models[side.index()].facts.engine {
            let letter = side.letter();
            text += &format!(" {letter} is run by {engine}, and predicted as this program would run it.");
        }
    }
    format!("{}\n", wrapped(&text))
}

fn line(cells: [&str; 4]) -> String {
    padded(cells, COLUMNS)
}
