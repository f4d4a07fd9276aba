//! The comparison side by side on a terminal of 80 columns. Colour says nothing that the words do not.

mod before;
mod field;
mod summary;

pub use before::render_outlook;

use anstyle::Effects;
use plimsoll_catalog::Outcome;
use plimsoll_lab::load::LoadLog;
use plimsoll_lab::record::{Comparison, Distance, Fidelity, Measurement, ModelRecord, Side, Unit, Words};

use crate::columns::{columns, fitted, padded};
use crate::foreign::shown_text;
use crate::judge::{Opinion, Part, Preferred, range_text, reservations};
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

pub use field::render_field;

/// Whether escape codes may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Letters only.
    Plain,
    /// Bold and dim where it helps the eye.
    Ansi,
}

/// How much is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// What decides, in forty lines: where no difference was seen, one line for all.
    Summary,
    /// Every row with the intervals of both models, what reviewers say and what they calculated.
    Full,
}

/// The verdict, what it rests on, and the verdict again; each line at most 80 columns.
pub fn render_text(report: &Report, style: Style, detail: Detail) -> String {
    let mut out = head(report, style);
    match detail {
        Detail::Summary => {
            out += &scores(report, style);
            out += &summary::table(&report.comparison, style);
        }
        Detail::Full => {
            out += &full(report, style);
            out += &scores(report, style);
            out += &opinions(report, style);
        }
    }
    out += &undecided(report);
    out + &format!("\n{}\n", style.bold(&wrapped(&named(report, &report.judgement.advice.text()))))
}

/// Both words, and why a model is out whatever the reviewers say.
fn head(report: &Report, style: Style) -> String {
    let judgement = &report.judgement;
    let names = report.comparison.models.each_ref().map(|model| shown_text(&model.facts.name, NAME));
    let title = match judgement.advice.preferred {
        Preferred::A => format!("Ship {}", names[0]),
        Preferred::B => format!("Ship {}", names[1]),
        Preferred::Neither => "Ship neither".to_owned(),
        Preferred::NotToldApart => "Ship either".to_owned(),
    };
    let hangs = provided(&judgement.open_needs());
    let divided = reservations(&judgement.shipped());
    let mut out = format!("{}\n", style.bold(&wrapped(&format!("{title}{divided}{hangs} ({})", judgement.wanted()))));
    for side in Side::BOTH {
        let (review, facts) = (&judgement.reviews[side.index()], &report.comparison.models[side.index()].facts);
        let verdict = format!("{} ({})", review.verdict.word, review.verdict.counts());
        let about = format!("{verdict}  {}, {}", facts.architecture, facts.files());
        let name = &names[side.index()];
        let room = WIDTH.saturating_sub("A  ".len() + columns(name) + "  ".len());
        out += &format!("{}  {}\n", style.bold(&format!("{}  {name}", side.letter())), shown_text(&about, room));
    }
    for side in Side::BOTH {
        for veto in &judgement.reviews[side.index()].vetoes {
            out += &format!("{}\n", wrapped(&format!("{}: {}", side.letter(), named(report, &veto.text()))));
        }
        let licence = &judgement.reviews[side.index()].licence;
        for reason in licence.decisive().filter(|_| licence.outcome == Outcome::Unknown) {
            out += &format!("{}\n", wrapped(&format!("{}: the licence: {}", side.letter(), reason.words)));
        }
    }
    out
}

/// On what a headline hangs.
fn provided(open_needs: &[&str]) -> String {
    match open_needs {
        [] => String::new(),
        open => format!(", if it proves to meet: {}", open.join(" and ")),
    }
}

/// Needs that the evidence neither shows met nor unmet.
fn undecided(report: &Report) -> String {
    let mut out = String::new();
    for (side, review) in Side::BOTH.into_iter().zip(&report.judgement.reviews) {
        for found in review.needs.iter().filter(|found| found.outcome == Outcome::Unknown) {
            let why = match found.measurement {
                Some(_) => "not decided, the interval lies on both sides of it",
                None => "nothing was measured of it",
            };
            out += &format!("\n{}", wrapped(&format!("need of {}: {}: {why}", side.letter(), found.need.text)));
        }
    }
    if out.is_empty() { out } else { format!("{out}\n") }
}

/// The call and the score of each reviewer.
fn scores(report: &Report, style: Style) -> String {
    let [a, b] = &report.judgement.reviews;
    let mut out = format!("\n{}\n", style.bold(&line(["Panel", "A", "B", ""])));
    let call = |opinion: &Opinion| match opinion.range() {
        Some(range) => format!("{} ({range})", opinion.call.words()),
        None => opinion.call.words().to_owned(),
    };
    for (a, b) in a.opinions.iter().zip(&b.opinions) {
        out += &format!("{}\n", line([&a.name, &call(a), &call(b), ""]));
    }
    out
}

/// What the reviewers say, and what each criterion was worth.
fn opinions(report: &Report, style: Style) -> String {
    let mut out = String::new();
    for (side, review) in Side::BOTH.into_iter().zip(&report.judgement.reviews) {
        for opinion in &review.opinions {
            let text: String = opinion.paragraph.iter().map(Part::text).collect();
            let said = format!("{} on {}: {}", opinion.name, side.letter(), named(report, &text));
            out += &format!("\n{}\n", wrapped(&said));
            for found in &opinion.scored {
                let (worth, weight) = (range_text(found.utility, found.utility_high), found.weight);
                let row = format!("  {}: worth {worth} at weight {weight:.0}", found.about);
                out += &format!("{}\n", style.dim(&wrapped(&row)));
            }
        }
    }
    out
}

/// Every number side by side, with the sentence that follows from them.
fn full(report: &Report, style: Style) -> String {
    let comparison = &report.comparison;
    let mut out = String::new();
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
    out += &format!("\n{}\n", wrapped(HOW_TO_READ));
    if let Some(margin) = comparison.settings.margin {
        let margin = Unit::ShareDifference.text(margin);
        let margin = margin.trim_start_matches('+');
        let about = format!("`=`: no loss beyond the margin of {margin}; the 90 % interval of each lies within it.");
        out += &format!("{}\n", wrapped(&about));
    }
    out += &device(comparison, style);
    out + &format!("\n{}\n", wrapped(&named(report, &comparison.conclusion.sentence)))
}

/// Where it ran, and what makes the figures doubtful: other programs, or models that do not predict text.
fn device(comparison: &Comparison, style: Style) -> String {
    let mut out = format!("{}\n", style.dim(&wrapped(&device_line(comparison))));
    for broken in comparison.broken() {
        out += &format!("{}\n", style.bold(&wrapped(&broken)));
    }
    if let Some(noisy) = comparison.noisy() {
        out += &format!("{}\n", style.bold(&wrapped(&shown_text(&noisy, 2000))));
    }
    out
}

/// The machine and how busy it was.
fn device_line(comparison: &Comparison) -> String {
    let device = &comparison.device;
    let load = comparison.load.as_ref().and_then(LoadLog::averages);
    let load = load.map_or(String::new(), |[before, after]| format!(", load {before:.1} before, {after:.1} after"));
    format!("{}, {}, {} threads{load}", device.cpu, device.isa, device.threads)
}

/// Words with names of models that fit a line.
fn named(report: &Report, text: &str) -> String {
    let mut text = text.to_owned();
    for name in report.comparison.models.each_ref().map(|model| &model.facts.name) {
        let shown = shown_text(name, NAME);
        if shown != *name {
            text = text.replace(name.as_str(), &shown);
        }
    }
    text
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
    let (about, circumstance) = parted(&row.about);
    let label = if with_unit { format!("{about}, {}", row.unit) } else { about.to_owned() };
    let mark = match row.words {
        Words::NoDifferenceSeen => "≈",
        Words::NoLossBeyondMargin => "=",
        Words::ABetter => Side::A.letter(),
        Words::BBetter => Side::B.letter(),
    };
    let verdict = format!("{mark}  {}", row.difference.value);
    let values = line([&label, &row.a.value, &row.b.value, &verdict]);
    let intervals = line([circumstance, &in_brackets(&row.a), &in_brackets(&row.b), &in_brackets(&row.difference)]);
    let values = if row.winner().is_some() { style.bold(&values) } else { values };
    format!("{values}\n{}\n", style.dim(&intervals))
}

/// What is told of memory in two lines: what it is, and of how much in the context.
fn parted(about: &str) -> (&str, &str) {
    match about.strip_prefix("peak memory ") {
        Some(circumstance) => ("peak memory", circumstance),
        None => (about.trim_end_matches(" tokens"), ""),
    }
}

fn in_brackets(cell: &Cell) -> String {
    cell.interval.as_ref().map_or(String::new(), |interval| format!("({interval})"))
}

/// Four cells, the first flush left, the rest too, so that brackets stand under their number.
fn line(cells: [&str; 4]) -> String {
    padded(cells, COLUMNS)
}

/// Breaks at blanks, and shortens words, so that no line is wider than the terminal; lines after the first stand in as far
/// as the first.
fn wrapped(text: &str) -> String {
    let hang = text.len() - text.trim_start_matches(' ').len();
    fitted(text, WIDTH, hang).join("\n")
}

impl Style {
    fn bold(self, text: &str) -> String {
        self.painted(Effects::BOLD, text)
    }

    fn dim(self, text: &str) -> String {
        self.painted(Effects::DIMMED, text)
    }

    fn painted(self, effects: Effects, text: &str) -> String {
        let style = anstyle::Style::new().effects(effects);
        match self {
            Style::Plain => text.to_owned(),
            Style::Ansi => format!("{style}{text}{style:#}"),
        }
    }
}
