//! The report as one HTML page that needs nothing else: no network, no script, no second file.

use askama::Template;
use plimsoll_lab::record::{Comparison, Measurement, ModelRecord, Origin, Piece, Side, SpeedAtDepth, Unit};

use crate::chart;
use crate::table::{Cell, Row, Section, cell, sections};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    comparison: &'a Comparison,
    models: [Model<'a>; 2],
    conclusion: Vec<&'a Piece>,
    decision: Vec<Decision>,
    headline: Option<&'a Row>,
    sections: &'a [Section],
    accuracy_chart: String,
    speed_charts: Vec<String>,
    memory_chart: String,
    forecasts: Vec<Forecast>,
    memory: Vec<Pair>,
    bandwidth: Cell,
    arithmetic: Cell,
    samples: Vec<Sample<'a>>,
}

/// A model's facts in words.
struct Model<'a> {
    letter: &'static str,
    record: &'a ModelRecord,
    parameters: String,
    file: String,
    types: String,
    licence: String,
    sha256_head: &'a str,
}

/// A line of the decision table: words, or a number with its measurement.
struct Decision {
    about: &'static str,
    cells: [Answer; 2],
}

enum Answer {
    Words(String),
    Number(Cell, String),
}

/// Numbers of A and B in one line.
struct Pair {
    about: String,
    cells: [Cell; 2],
}

/// Predictions, their errors and shares of a phase at a depth.
struct Forecast {
    about: String,
    predicted: [Cell; 2],
    error: [Cell; 2],
    share: [Cell; 2],
}

/// A measurement as it stands at the end of the page.
struct Sample<'a> {
    record: &'a Measurement,
    value: String,
    interval: Option<String>,
    origin: &'static str,
    samples: Vec<String>,
}

/// The page.
pub fn render_html(comparison: &Comparison) -> String {
    let sections = sections(comparison);
    let page = Page {
        comparison,
        models: Side::BOTH.map(|side| model(side, &comparison.models[side.index()])),
        conclusion: comparison.conclusion.clauses.iter().flat_map(|clause| &clause.pieces).collect(),
        decision: decision(comparison),
        headline: sections.first().and_then(|accuracy| accuracy.rows.first()),
        sections: &sections,
        accuracy_chart: chart::accuracy(comparison),
        speed_charts: speed_charts(comparison),
        memory_chart: chart::memory(comparison),
        forecasts: forecasts(comparison),
        memory: memory(comparison),
        bandwidth: with_unit(&comparison.device.read_bandwidth),
        arithmetic: with_unit(&comparison.device.arithmetic_rate),
        samples: comparison.measurements().into_iter().map(sample).collect(),
    };
    page.render().expect("writing to a string cannot fail")
}

fn model(side: Side, record: &ModelRecord) -> Model<'_> {
    let facts = &record.facts;
    let names: Vec<&str> = facts.types.iter().map(|stored| stored.dtype.as_str()).collect();
    Model {
        letter: side.letter(),
        record,
        parameters: count(facts.parameters),
        file: bytes(facts.file_bytes),
        types: names.join(", "),
        licence: licence(record),
        sha256_head: facts.sha256.get(..12).unwrap_or(&facts.sha256),
    }
}

/// What the files declare; whether that permits a use is for a reader or a later reviewer to say.
fn licence(record: &ModelRecord) -> String {
    let licence = &record.facts.licence;
    let declared = || licence.declared.first().map(|first| format!("“{}”", first.value));
    let base = licence.spdx.clone().or_else(declared).unwrap_or_else(|| "none declared".to_owned());
    if licence.conflicts.is_empty() { base } else { format!("{base}; its files disagree") }
}

fn decision(comparison: &Comparison) -> Vec<Decision> {
    let [a, b] = &comparison.models;
    let numbers = |about, a: &Measurement, b: &Measurement| Decision {
        about,
        cells: [a, b].map(|m| Answer::Number(with_unit(m), String::new())),
    };
    let words = |about, a: String, b: String| Decision { about, cells: [Answer::Words(a), Answer::Words(b)] };
    let mut all = vec![
        words("Panel verdict", "not judged yet".into(), "not judged yet".into()),
        numbers("Right answers", &a.quality.overall.rate, &b.quality.overall.rate),
    ];
    if let (Some(a), Some(b)) = (a.speed.first(), b.speed.first()) {
        all.push(numbers("Decode, short context", &a.decode, &b.decode));
    }
    all.push(numbers("First token, warm", &a.start.first_token_warm, &b.start.first_token_warm));
    let of = format!("of {}", bytes(comparison.device.memory_bytes));
    all.push(Decision {
        about: "Peak memory",
        cells: [a, b].map(|model| Answer::Number(with_unit(&model.memory.peak), of.clone())),
    });
    all.push(words("Licence, as declared", licence(a), licence(b)));
    all
}

fn speed_charts(comparison: &Comparison) -> Vec<String> {
    let prefill: fn(&SpeedAtDepth) -> (&Measurement, &Measurement) = |row| (&row.prefill, &row.prefill_predicted);
    let decode: fn(&SpeedAtDepth) -> (&Measurement, &Measurement) = |row| (&row.decode, &row.decode_predicted);
    [("Prefill", prefill), ("Decode", decode)]
        .into_iter()
        .filter_map(|(phase, pick)| chart::speed(comparison, phase, pick))
        .collect()
}

fn forecasts(comparison: &Comparison) -> Vec<Forecast> {
    let [a, b] = &comparison.models;
    let forecast = |about, predicted: [&Measurement; 2], error: [&Measurement; 2], share: [&Measurement; 2]| Forecast {
        about,
        predicted: same_scale(predicted),
        error: error.map(with_unit),
        share: share.map(with_unit),
    };
    let rows = a.speed.iter().zip(&b.speed).flat_map(|(a, b)| {
        let depth = a.depth;
        [
            forecast(
                format!("prefill after {depth} tokens"),
                [&a.prefill_predicted, &b.prefill_predicted],
                [&a.prefill_error, &b.prefill_error],
                [&a.arithmetic_share, &b.arithmetic_share],
            ),
            forecast(
                format!("decode after {depth} tokens"),
                [&a.decode_predicted, &b.decode_predicted],
                [&a.decode_error, &b.decode_error],
                [&a.bandwidth_share, &b.bandwidth_share],
            ),
        ]
    });
    rows.collect()
}

fn memory(comparison: &Comparison) -> Vec<Pair> {
    let memory = comparison.models.each_ref().map(|model| &model.memory);
    // The parts of a prediction stand under its id.
    let part = |about: &str, bytes_of: fn(&plimsoll_lab::predict::MemoryPrediction) -> u64| Pair {
        about: about.to_owned(),
        cells: memory.map(|memory| Cell {
            value: bytes(bytes_of(&memory.parts)),
            interval: None,
            id: memory.predicted.id.clone(),
        }),
    };
    vec![
        part("predicted: the program itself", |parts| parts.process),
        part("predicted: weights", |parts| parts.weights),
        part("predicted: cache", |parts| parts.cache),
        part("predicted: buffers", |parts| parts.buffers),
        Pair { about: "predicted in all".into(), cells: memory.map(|memory| with_unit(&memory.predicted)) },
        Pair { about: "measured peak".into(), cells: memory.map(|memory| with_unit(&memory.peak)) },
        Pair { about: "predicted ÷ measured".into(), cells: memory.map(|memory| with_unit(&memory.error)) },
    ]
}

fn sample(record: &Measurement) -> Sample<'_> {
    let scale = record.unit.scale(&[record.value]);
    Sample {
        record,
        value: record.text(),
        interval: record.interval_text(),
        origin: match record.origin {
            Origin::Measured => "measured",
            Origin::Predicted => "predicted",
            Origin::Derived => "derived",
        },
        samples: record.samples.iter().map(|sample| scale.show(*sample)).collect(),
    }
}

fn with_unit(measurement: &Measurement) -> Cell {
    Cell { value: measurement.text(), interval: measurement.interval_text(), id: measurement.id.clone() }
}

fn same_scale(pair: [&Measurement; 2]) -> [Cell; 2] {
    let scale = pair[0].unit.scale(&pair.map(|m| m.value));
    pair.map(|m| cell(m, scale))
}

fn bytes(value: u64) -> String {
    let scale = Unit::Bytes.scale(&[value as f64]);
    format!("{} {}", scale.show(value as f64), scale.suffix)
}

/// A count of parameters as it is spoken of: `2.82 million`.
fn count(value: u64) -> String {
    let (divisor, word) = match value {
        1_000_000_000.. => (1e9, " billion"),
        1_000_000.. => (1e6, " million"),
        1_000.. => (1e3, " thousand"),
        _ => return value.to_string(),
    };
    format!("{}{word}", Unit::Ratio.scale(&[]).show(value as f64 / divisor))
}
