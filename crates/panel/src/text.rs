//! The comparison side by side on a terminal of 80 columns. Colour says nothing that the words do not.

use plimsoll_catalog::Outcome;
use plimsoll_lab::load::LoadLog;
use plimsoll_lab::record::{Comparison, Distance, Fidelity, Measurement, ModelRecord, Side, Unit, Words};

use crate::foreign::shown_text;
use crate::judge::{Opinion, Review};
use crate::report::Report;
use crate::table::{Cell, Row, sections};

/// Columns of the terminal that the table is made for.
const WIDTH: usize = 80;
/// Widths of the four columns with one blank between each; together [`WIDTH`].
const COLUMNS: [usize; 4] = [21, 19, 19, 18];

/// Characters that a model's name may take.
const NAME: usize = 44;

/// What the brackets and marks of the table mean.
const HOW_TO_READ: &str = "Intervals hold 95 %, each by itself, where no other level stands beside them. `A`, `B`: the \
     better; `≈`: no difference seen. These marks are corrected for everything that is compared here (Holm), so `≈` may \
     stand where an interval by itself leaves out no difference.";

/// Whether escape codes may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// Bold and dim where it helps the eye.
    Ansi,
}

/// The table, the sentence and what was compared, each line at most 80 columns.
pub fn render_text(report: &Report, style: Style) -> String {
    let comparison = &report.comparison;
    let mut out = String::new();
    for side in Side::BOTH {
        let facts = &comparison.models[side.index()].facts;
        let name = shown_text(&facts.name, NAME);
        let about = format!("{}, {}", facts.architecture, facts.format);
        let about = shown_text(&about, WIDTH - "A  ".len() - name.chars().count() - "  ".len());
        out += &style.bold(&format!("{}  {name}", side.letter()));
        out += &format!("  {}\n", style.dim(&about));
    }
    for section in sections(comparison) {
        let unit = section.unit();
        let title = unit.map_or(section.title.to_owned(), |unit| format!("{}, {unit}", section.title));
        out += &format!("\n{}\n", style.bold(&line([&title, "A", "B", "A against B"])));
        for row in &section.rows {
            out += &row_lines(row, unit.is_none(), style);
        }
    }
    out += &in_any_form(comparison);
    out += &predictions(comparison, style);
    if let Some(found) = &comparison.fidelity {
        out += &format!("\n{}\n", wrapped(&faithfulness(found)));
    }
    let device = &comparison.device;
    out += &format!("\n{}\n", wrapped(HOW_TO_READ));
    if let Some(margin) = comparison.settings.margin {
        let margin = Unit::ShareDifference.text(margin);
        let margin = margin.trim_start_matches('+');
        let about = format!("`=`: no loss beyond the margin of {margin}; the 90 % interval of each lies within it.");
        out += &format!("{}\n", wrapped(&about));
    }
    let load = comparison.load.as_ref().and_then(LoadLog::averages);
    let load =
        load.map_or(String::new(), |[before, after]| format!(", load average {before:.1} before, {after:.1} after"));
    let about = format!("{}, {}, {} threads{load}", device.cpu, device.isa, device.threads);
    out += &format!("{}\n", style.dim(&wrapped(&about)));
    for broken in comparison.broken() {
        out += &format!("{}\n", style.bold(&wrapped(&broken)));
    }
    if let Some(noisy) = comparison.noisy() {
        out += &format!("{}\n", style.bold(&wrapped(&shown_text(&noisy, 2000))));
    }
    out += &format!("\n{}\n", wrapped(&sentence(comparison)));
    out += &panel(report, style);
    out
}

/// What the four reviewers say, and which model to ship.
fn panel(report: &Report, style: Style) -> String {
    let judgement = &report.judgement;
    let [a, b] = &judgement.reviews;
    let title = format!("Panel, {} use", judgement.usage);
    let mut out = format!("\n{}\n", style.bold(&line([&title, "A", "B", ""])));
    let call = |opinion: &Opinion| match opinion.score {
        Some(score) => format!("{} ({score:.0})", opinion.call.words()),
        None => opinion.call.words().to_owned(),
    };
    for (a, b) in a.opinions.iter().zip(&b.opinions) {
        out += &format!("{}\n", line([&a.name, &call(a), &call(b), ""]));
    }
    let counts = |review: &Review| {
        let verdict = review.verdict;
        format!("({} of {} ship)", verdict.ship, verdict.ship + verdict.skip)
    };
    let words = [a, b].map(|review| review.verdict.word.to_string());
    out += &style.bold(&format!("{}\n", line(["verdict", &words[0], &words[1], ""])));
    out += &format!("{}\n", style.dim(&line(["", &counts(a), &counts(b), ""])));
    for (letter, review) in [("A", a), ("B", b)] {
        for reason in review.licence.decisive().filter(|_| review.licence.outcome != Outcome::Passed) {
            let clause = reason.clause.as_ref().map_or(String::new(), |clause| format!(": {clause}"));
            out +=
                &format!("{}\n", wrapped(&shown_text(&format!("licence of {letter}: {}{clause}", reason.words), 2000)));
        }
    }
    let mut advice = judgement.advice.text();
    for name in report.comparison.models.each_ref().map(|model| &model.facts.name) {
        advice = advice.replace(name.as_str(), &shown_text(name, NAME));
    }
    out + &format!("\n{}\n", style.bold(&wrapped(&advice)))
}

/// The conclusion with names that fit a line.
fn sentence(comparison: &Comparison) -> String {
    let mut sentence = comparison.conclusion.sentence.clone();
    for name in comparison.models.each_ref().map(|model| &model.facts.name) {
        let shown = shown_text(name, NAME);
        if shown != *name {
            sentence = sentence.replace(name.as_str(), &shown);
        }
    }
    sentence
}

/// What both know, whatever form they write it in; nothing where that is what stands in the table.
fn in_any_form(comparison: &Comparison) -> String {
    let [Some(a), Some(b)] = comparison.models.each_ref().map(|model| model.quality.known.as_ref()) else {
        return String::new();
    };
    let is_same = |model: &ModelRecord, known: &Measurement| model.quality.overall.rate.value == known.value;
    if is_same(&comparison.models[0], a) && is_same(&comparison.models[1], b) {
        return String::new();
    }
    let cell = |known: &Measurement| known.text();
    format!("\n{}\n", line(["right in any form", &cell(a), &cell(b), ""]))
}

/// What was expected before anything ran, and how much of it came.
fn predictions(comparison: &Comparison, style: Style) -> String {
    let [a, b] = &comparison.models;
    let mut out = format!("\n{}\n", style.bold(&line(["Predicted (÷ measured)", "A", "B", ""])));
    let mut row = |about: &str, [a, b]: [(&Measurement, &Measurement); 2]| {
        let scale = a.0.unit.scale(&[a.0.value, b.0.value]);
        let label = format!("{about}, {}", scale.suffix);
        let [a, b] = [a, b].map(|(predicted, error)| format!("{} ({})", scale.show(predicted.value), error.text()));
        out += &format!("{}\n", line([&label, &a, &b, ""]));
    };
    if let (Some(a), Some(b)) = (a.speed.first(), b.speed.first()) {
        row("prefill", [a, b].map(|row| (&row.prefill_predicted, &row.prefill_error)));
        row("decode", [a, b].map(|row| (&row.decode_predicted, &row.decode_error)));
    }
    row("peak memory", [a, b].map(|model| (&model.memory.predicted, &model.memory.error)));
    out
}

/// How far one model's predictions lie from the other's, and what became of its answers. Only a base that was declared is
/// called one.
fn faithfulness(found: &Fidelity) -> String {
    let (base, other) = (found.base.letter(), found.other().letter());
    let [about, what_to_make_of_it] = match found.declared {
        true => [
            format!("{other} against its declared base {base}"),
            "Large numbers are an alarm; small ones do not say which is better.".to_owned(),
        ],
        false => [
            format!("Predictions of {other} against those of {base}"),
            "No base was declared (`--base`), so nothing is judged by this.".to_owned(),
        ],
    };
    let read = |distance: &Distance| {
        let Distance { kl_mean, kl_high, same_top } = distance;
        let (mean, high, top) = (kl_mean.text(), kl_high.text(), same_top.text());
        format!("KL {mean}, 99.9 % of positions within {high}, same top token {top}")
    };
    let behind = |what: &str, distance: &Option<Distance>| {
        distance.as_ref().map_or(String::new(), |distance| format!("; {what} {}", read(distance)))
    };
    let answers = behind("at right answers", &found.answers);
    let pictures = behind("at right answers about pictures", &found.pictures);
    format!(
        "{about}: on text {}{answers}{pictures}; answers that differ {}, {} right in {base} alone and {} in {other} alone. \
         {what_to_make_of_it}",
        read(&found.text),
        found.changed.text(),
        found.right_to_wrong,
        found.wrong_to_right
    )
}

fn row_lines(row: &Row, with_unit: bool, style: Style) -> String {
    let about = row.about.trim_end_matches(" tokens");
    let label = if with_unit { format!("{about}, {}", row.unit) } else { about.to_owned() };
    let mark = match row.words {
        Words::NoDifferenceSeen => "≈",
        Words::NoLossBeyondMargin => "=",
        Words::ABetter => Side::A.letter(),
        Words::BBetter => Side::B.letter(),
    };
    let verdict = format!("{mark}  {}", row.difference.value);
    let values = line([&label, &row.a.value, &row.b.value, &verdict]);
    let intervals = line(["", &in_brackets(&row.a), &in_brackets(&row.b), &in_brackets(&row.difference)]);
    let values = if row.winner().is_some() { style.bold(&values) } else { values };
    format!("{values}\n{}\n", style.dim(&intervals))
}

fn in_brackets(cell: &Cell) -> String {
    cell.interval.as_ref().map_or(String::new(), |interval| format!("({interval})"))
}

/// Four cells, the first flush left, the rest too, so that brackets stand under their number.
fn line(cells: [&str; 4]) -> String {
    let padded = cells.iter().zip(COLUMNS).map(|(cell, width)| {
        let missing = width.saturating_sub(cell.chars().count());
        format!("{cell}{}", " ".repeat(missing))
    });
    padded.collect::<Vec<_>>().join(" ").trim_end().to_owned()
}

/// Breaks at blanks, and shortens words, so that no line is wider than the terminal.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ').map(|word| shown_text(word, WIDTH)) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out += &word;
        column += width;
    }
    out
}

impl Style {
    fn bold(self, text: &str) -> String {
        self.code(1, text)
    }

    fn dim(self, text: &str) -> String {
        self.code(2, text)
    }

    fn code(self, code: u8, text: &str) -> String {
        match self {
            Style::Plain => text.to_owned(),
            Style::Ansi => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
        }
    }
}
