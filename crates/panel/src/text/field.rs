//! Three models or more on a terminal: a row for each, marked against the one that is right most often.

use plimsoll_catalog::Outcome;
use plimsoll_lab::record::{Difference, Filled, Measurement, ModelRecord, Side};

use super::{Detail, Style, device_line, provided, render_text, wrapped};
use crate::columns::padded;
use crate::field::FieldReport;
use crate::foreign::shown_text;
use crate::judge::{Judged, Review, open_needs};

/// Widths of number and name, panel, right answers, decode, memory and load, with one blank between each; together 80.
const COLUMNS: [usize; 6] = [22, 6, 9, 17, 10, 11];
/// Characters of a name in its row, behind its number.
const NAME: usize = 19;
/// Columns of a kind of question, and of each model beside it.
const KIND: usize = 22;
const SHARE: usize = 6;
/// Kinds of questions in a summary.
const KINDS: usize = 12;

/// The verdict, a row for each model, right answers by kind, and the verdict again; each line at most 80 columns.
pub fn render_field(report: &FieldReport, style: Style, detail: Detail) -> String {
    let (models, first) = (report.models(), &report.first().comparison);
    let named = |place: &usize| shown_text(&models[*place].record.facts.name, super::NAME);
    let title = match &report.advice.ship[..] {
        [] => "Ship none of them".to_owned(),
        places => format!("Ship {}", places.iter().map(named).collect::<Vec<_>>().join(" or ")),
    };
    let wanted = report.first().judgement.wanted();
    let shipped: Vec<&Review> = report.advice.ship.iter().map(|place| models[*place].review).collect();
    let hangs = provided(&open_needs(&shipped));
    let mut out = format!("{}\n\n", style.bold(&wrapped(&format!("{title}{hangs} ({wanted})"))));
    out += &table(report, &models, style);
    out += &kinds(report, &models, detail, style);
    out += &how_to_read(report, style);
    out += &style.dim(&format!("{}\n", wrapped(&device_line(first))));
    out += &doubts(report, &models, style);
    if detail == Detail::Full {
        for pair in &report.reports {
            out += &format!("\n{}\n{}", style.dim(&"-".repeat(80)), render_text(pair, style, detail));
        }
        out += &format!("\n{}\n", style.dim(&"-".repeat(80)));
    }
    let mut advice = report.advice.text();
    for model in &models {
        let name = &model.record.facts.name;
        let shown = shown_text(name, super::NAME);
        if shown != *name {
            advice = advice.replace(name.as_str(), &shown);
        }
    }
    out + &format!("\n{}\n", style.bold(&wrapped(&advice)))
}

/// A metric that has a column.
struct Column {
    title: &'static str,
    metric: &'static str,
    of: fn(&ModelRecord) -> Option<&Measurement>,
}

const QUANTITIES: [Column; 4] = [
    Column { title: "Right", metric: "accuracy", of: |model| Some(&model.quality.overall.rate) },
    Column { title: "Decode", metric: "decode@0", of: |model| model.speed.first().map(|row| &row.decode) },
    Column { title: "Peak", metric: "peak_memory", of: |model| Some(&model.memory.peak) },
    Column { title: "Load", metric: "load", of: |model| Some(&model.start.load) },
];

fn table(report: &FieldReport, models: &[Judged], style: Style) -> String {
    let columns = QUANTITIES.map(|column| {
        let found: Vec<Option<&Measurement>> = models.iter().map(|model| (column.of)(model.record)).collect();
        let scale = found.iter().flatten().next().map(|first| {
            let values: Vec<f64> = found.iter().flatten().map(|measured| measured.value).collect();
            first.unit.scale(&values)
        });
        (column, found, scale)
    });
    let mut heads = vec![String::new(), "Panel".to_owned()];
    heads.extend(columns.iter().map(|(column, _, scale)| match scale {
        Some(scale) => format!("{}, {}", column.title, scale.suffix),
        None => column.title.to_owned(),
    }));
    let mut out = format!("{}\n", style.bold(&line(&heads)));
    for (place, model) in models.iter().enumerate() {
        let name = format!("{}  {}", place + 1, shown_text(&model.record.facts.name, NAME));
        let mut cells = vec![name, model.review.verdict.word.to_string()];
        for (column, found, scale) in &columns {
            let value = found[place].zip(*scale).map(|(measured, scale)| scale.show(measured.value));
            let difference =
                place.checked_sub(1).and_then(|at| report.reports[at].comparison.difference(column.metric));
            cells.push(format!("{}{}", value.unwrap_or_default(), mark(difference)));
        }
        let row = line(&cells);
        out += &format!("{}\n", if report.advice.ship.contains(&place) { style.bold(&row) } else { row });
    }
    out
}

/// How B of a pair, in whose row it stands, is to A.
fn mark(difference: Option<&Difference>) -> &'static str {
    match difference.map(Difference::winner) {
        None => "",
        Some(None) => " ≈",
        Some(Some(Side::B)) => " +",
        Some(Some(Side::A)) => " −",
    }
}

/// Right answers by kind of question, a column for each model.
fn kinds(report: &FieldReport, models: &[Judged], detail: Detail, style: Style) -> String {
    let all = &models[0].record.quality.categories;
    if all.len() < 2 {
        return String::new();
    }
    let row = |about: &str, cells: Vec<String>| {
        let mut row = format!("{about:<KIND$}");
        cells.iter().for_each(|cell| row += &format!("{cell:>SHARE$} "));
        row.trim_end().to_owned()
    };
    let numbers = (1..=models.len()).map(|number| format!("{number} ")).collect();
    let mut out = format!("\n{}\n", style.bold(&row("Right by kind, %", numbers)));
    let most = if detail == Detail::Full { all.len() } else { KINDS };
    for kind in all.iter().take(most) {
        let cells = models.iter().enumerate().map(|(place, model)| {
            let found = model.record.quality.categories.iter().find(|other| other.category == kind.category);
            let share = found.map_or(String::new(), |found| format!("{:.0}", 100.0 * found.rate.value));
            let difference =
                place.checked_sub(1).and_then(|at| report.reports[at].comparison.difference(&kind.rate.metric));
            let mark = mark(difference).trim_start();
            format!("{share}{}", if mark.is_empty() { " " } else { mark })
        });
        out += &format!("{}\n", row(&shown_text(&kind.category, KIND - 1), cells.collect()));
    }
    let more = all.len().saturating_sub(most);
    if more > 0 {
        out += &format!("{more} kinds more; --full shows all.\n");
    }
    out
}

/// What the marks mean, and of what memory is told.
fn how_to_read(report: &FieldReport, style: Style) -> String {
    let (comparison, lead) = (&report.first().comparison, report.lead());
    let (n, models) = comparison
        .differences
        .first()
        .map_or((0, 0), |found| (found.test.family_size, comparison.among.as_ref().map_or(2, |among| among.models)));
    let memory = comparison
        .settings
        .filled
        .as_ref()
        .map_or_else(|| format!("{} (--context N measures a full one)", Filled::ONE_ANSWER), Filled::to_string);
    let text = format!(
        "+ better than 1, − worse, ≈ no difference seen. {lead}, which is seen from the same answers; so all \
         {models} models are tested each with each, and a mark stands where it does after correction for all {n} \
         comparisons (Holm). Peak memory is that {memory}. --full shows intervals and every pair."
    );
    style.dim(&format!("\n{}\n", wrapped(&text)))
}

/// What makes figures doubtful, and needs that are not decided.
fn doubts(report: &FieldReport, models: &[Judged], style: Style) -> String {
    let mut out = String::new();
    for model in models {
        if let Some(complaint) = model.record.canaries.as_ref().and_then(|canaries| canaries.found.complaint()) {
            let name = shown_text(&model.record.facts.name, super::NAME);
            let about = format!("{name} {complaint}. What stands here of its quality says nothing else.");
            out += &format!("{}\n", style.bold(&wrapped(&about)));
        }
        for found in model.review.needs.iter().filter(|found| found.outcome == Outcome::Unknown) {
            let why = match found.measurement {
                Some(_) => "not decided, the interval lies on both sides of it",
                None => "nothing was measured of it",
            };
            let name = shown_text(&model.record.facts.name, super::NAME);
            out += &format!("{}\n", wrapped(&format!("need of {name}: {}: {why}", found.need.text)));
        }
    }
    if report.reports.iter().any(|pair| !pair.comparison.disturbed.is_empty()) {
        let about = "Noisy: something disturbed the measurement (--full tells what). Close other programs and run the same \
                     command again.";
        out += &format!("{}\n", style.bold(&wrapped(about)));
    }
    out
}

fn line(cells: &[String]) -> String {
    let cells: [&str; 6] = std::array::from_fn(|at| cells[at].as_str());
    padded(cells, COLUMNS)
}
