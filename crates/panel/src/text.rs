//! The comparison side by side on a terminal of 80 columns. Colour says nothing that the words do not.

use plimsoll_catalog::Outcome;
use plimsoll_lab::record::{Comparison, Distance, Fidelity, Measurement, Side, Unit, Words};

use crate::foreign::shown_text;
use crate::judge::{Opinion, Review};
use crate::report::Report;
use crate::table::{Cell, Row, sections};

/// Columns of the terminal that the table is made for.
const WIDTH: usize = 80;
/// Widths of the four columns with one blank between each; together [`WIDTH`].
const COLUMNS: [usize; 4] = [26, 17, 17, 17];

/// Characters that a model's name may take.
const NAME: usize = 44;

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
    out += &predictions(comparison, style);
    if let Some(found) = &comparison.fidelity {
        out += &format!("\n{}\n", wrapped(&faithfulness(found)));
    }
    let device = &comparison.device;
    out += "\nIntervals hold 95 % where the samples allow, each by itself. `≈`: no difference\nseen; these marks are corrected for the number of comparisons (Holm).\n";
    if let Some(margin) = comparison.settings.margin {
        let margin = Unit::ShareDifference.text(margin);
        let margin = margin.trim_start_matches('+');
        let about = format!("`=`: no loss beyond the margin of {margin}; the 90 % interval of each lies within it.");
        out += &format!("{}\n", wrapped(&about));
    }
    out +=
        &format!("{}\n", style.dim(&wrapped(&format!("{}, {}, {} threads", device.cpu, device.isa, device.threads))));
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

/// How far one model's predictions lie from the other's, and what became of its answers.
fn faithfulness(found: &Fidelity) -> String {
    let (base, other) = (found.base.letter(), found.other().letter());
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
        "{other} against {base}, if {base} is its base: on text {}{answers}{pictures}; answers changed {}, {} from right \
         to wrong and {} from wrong to right. Large numbers are an alarm; small ones do not say which is better.",
        read(&found.text),
        found.changed.text(),
        found.right_to_wrong,
        found.wrong_to_right
    )
}

fn row_lines(row: &Row, with_unit: bool, style: Style) -> String {
    let label = if with_unit { format!("{}, {}", row.about, row.unit) } else { row.about.clone() };
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
