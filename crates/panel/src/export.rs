//! A report as Markdown, and its samples as CSV, for who takes them elsewhere.

use std::fmt::Write;

use plimsoll_lab::record::{Comparison, Side};

use crate::judge::Part;
use crate::report::Report;
use crate::table::{Cell, sections};

/// The first line of [`samples_csv`].
pub const CSV_HEADER: &str = "comparison,measurement,model,metric,unit,sample,value\n";

/// Every raw sample of a comparison in a line of its own, without [`CSV_HEADER`]; of right answers one line for each item,
/// 1 or 0.
pub fn samples_csv(id: &str, comparison: &Comparison) -> String {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let name = |subject: &str| match subject {
        "A" => comparison.models[0].facts.name.clone(),
        "B" => comparison.models[1].facts.name.clone(),
        other => other.to_owned(),
    };
    let mut line = |measurement: &str, model: &str, metric: &str, unit: &str, sample: &str, value: f64| {
        let names = [id, measurement, model, metric, unit, sample].map(as_text);
        let _ = csv.write_record(names.iter().map(String::as_str).chain([value.to_string().as_str()]));
    };
    for measurement in comparison.measurements() {
        let unit = serde_json::to_value(measurement.unit).ok();
        let unit = unit.as_ref().and_then(|unit| unit.as_str()).unwrap_or_default();
        for (index, sample) in measurement.samples.iter().enumerate() {
            let model = name(&measurement.subject);
            line(&measurement.id, &model, &measurement.metric, unit, &index.to_string(), *sample);
        }
    }
    for model in &comparison.models {
        let overall = &model.quality.overall.rate;
        for outcome in &model.quality.outcomes {
            let right = f64::from(u8::from(outcome.correct));
            line(&overall.id, &model.facts.name, &overall.metric, "share", &outcome.item, right);
        }
    }
    let bytes = csv.into_inner().expect("writing to memory cannot fail");
    String::from_utf8(bytes).expect("what was written is text")
}

/// A sign that would make a spreadsheet calculate is taken for the text it is.
fn as_text(field: &str) -> String {
    if field.starts_with(['=', '+', '-', '@']) { format!("'{field}") } else { field.to_owned() }
}

/// The report in CommonMark with tables.
pub fn markdown(report: &Report) -> String {
    let comparison = &report.comparison;
    let names = comparison.models.each_ref().map(|model| plain(&model.facts.name));
    let mut out = format!("# {} against {}\n\n**{}**\n\n", names[0], names[1], plain(&report.judgement.advice.text()));
    let _ = writeln!(out, "{}\n", plain(&comparison.conclusion.sentence));
    panel(&mut out, report, &names);
    for section in sections(comparison) {
        let unit = section.unit().map_or(String::new(), |unit| format!(", {unit}"));
        let _ = writeln!(
            out,
            "\n## {}{unit}\n\n| | {} | {} | A against B |\n|---|---|---|---|",
            section.title, names[0], names[1]
        );
        for row in &section.rows {
            let about =
                if section.unit().is_none() { format!("{}, {}", row.about, row.unit) } else { row.about.clone() };
            let cells = [&row.a, &row.b, &row.difference].map(cell).join(" | ");
            let _ = writeln!(out, "| {} | {cells}; {} |", plain(&about), row.words);
        }
    }
    let device = &comparison.device;
    let (cpu, os) = (plain(&device.cpu), plain(&device.os));
    let _ = writeln!(
        out,
        "\nMeasured {} on {cpu}, {}, {} threads, {os}, by {}.",
        comparison.created, device.isa, device.threads, comparison.program
    );
    let _ = writeln!(out, "\n    {}", comparison.reproduce.replace('\n', " "));
    out
}

fn panel(out: &mut String, report: &Report, names: &[String; 2]) {
    let reviews = &report.judgement.reviews;
    let verdicts = reviews.each_ref().map(|review| review.verdict.to_string());
    let _ =
        writeln!(out, "## Panel, {}\n\n| | {} | {} |\n|---|---|---|", report.judgement.wanted(), names[0], names[1]);
    let _ = writeln!(out, "| verdict | {} | {} |", verdicts[0], verdicts[1]);
    for (a, b) in reviews[0].opinions.iter().zip(&reviews[1].opinions) {
        let said = [a, b].map(|opinion| match opinion.range() {
            Some(range) => format!("{}, {range}", opinion.call.words()),
            None => opinion.call.words().to_owned(),
        });
        let _ = writeln!(out, "| {} | {} | {} |", plain(&a.name), said[0], said[1]);
    }
    for side in Side::BOTH {
        let _ = writeln!(out, "\n### {}\n", names[side.index()]);
        for veto in &reviews[side.index()].vetoes {
            let _ = writeln!(out, "- **Veto**: {}", plain(&veto.text()));
        }
        for opinion in &reviews[side.index()].opinions {
            let text: String = opinion.paragraph.iter().map(Part::text).collect();
            let _ = writeln!(out, "- **{}**: {}", plain(&opinion.name), plain(&text));
        }
    }
}

fn cell(cell: &Cell) -> String {
    let interval = cell.interval.as_ref().map_or(String::new(), |interval| format!(" ({interval})"));
    plain(&format!("{}{interval}", cell.value))
}

/// Text that Markdown takes as it is.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => plain.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' => plain.extend(['\\', c]),
            c => plain.push(c),
        }
    }
    plain
}
