//! What was measured of two models, as tables and charts.

use plimsoll_lab::record::{Comparison, Measurement, Origin, Side, SpeedAtDepth, Words};

use super::bars::Quantity;
use super::shown::bytes;
use crate::chart;
use crate::judge::marked_text;
use crate::table::{Cell, Section, cell, sections};

/// The sections of a comparison that was measured.
pub(super) struct Measured<'a> {
    pub comparison: &'a Comparison,
    pub sections: Vec<Section>,
    pub accuracy_chart: String,
    pub speed_charts: Vec<String>,
    pub memory_chart: String,
    pub forecasts: [Forecasts; 2],
    pub memory: Vec<Pair>,
    pub bandwidth: Cell,
    pub arithmetic: Cell,
}

impl<'a> Measured<'a> {
    pub fn of(comparison: &'a Comparison) -> Measured<'a> {
        Measured {
            comparison,
            sections: sections(comparison),
            accuracy_chart: chart::accuracy(comparison),
            speed_charts: speed_charts(comparison),
            memory_chart: chart::memory(comparison),
            forecasts: forecasts(comparison),
            memory: memory(comparison),
            bandwidth: with_unit(&comparison.device.read_bandwidth),
            arithmetic: with_unit(&comparison.device.arithmetic_rate),
        }
    }

    /// The classes and names of the parts that memory is drawn in.
    pub fn parts(&self) -> [(&'static str, &'static str); 4] {
        chart::MEMORY_PARTS
    }

    /// How both models were asked.
    pub fn prompting(&self) -> [&str; 2] {
        Side::BOTH.map(|side| self.comparison.models[side.index()].quality.prompting.as_str())
    }
}

/// Numbers of A and B in one line.
pub(super) struct Pair {
    /// What they are; in a glance what they count.
    pub about: String,
    pub cells: [Cell; 2],
}

/// Predictions for one model.
pub(super) struct Forecasts {
    pub letter: &'static str,
    pub rows: Vec<Forecast>,
}

/// Prediction, its error and the share of the limit, of a phase at a depth.
pub(super) struct Forecast {
    pub about: String,
    pub predicted: Cell,
    pub error: Cell,
    pub share: Cell,
}

/// A measurement as it stands at the end of the page.
pub(super) struct Sample<'a> {
    pub record: &'a Measurement,
    pub value: String,
    pub interval: Option<String>,
    pub origin: &'static str,
    pub samples: Vec<String>,
}

/// What is drawn first: right answers, speed, memory, start; what was not measured is left out.
pub(super) fn drawn(comparison: &Comparison) -> Vec<Quantity> {
    let [a, b] = &comparison.models;
    let note = |metric: &str| comparison.difference(metric).map_or("", |found| note(found.words));
    let mut all =
        vec![Quantity::measured("Right answers", note("accuracy"), [&a.quality.overall.rate, &b.quality.overall.rate])];
    if let (Some(a), Some(b)) = (a.speed.first(), b.speed.first()) {
        all.push(Quantity::measured("Decode speed", note(&a.decode.metric), [&a.decode, &b.decode]));
    }
    all.push(Quantity::measured("Peak memory", note("peak_memory"), [&a.memory.peak, &b.memory.peak]));
    let start = [&a.start.first_token_cold, &b.start.first_token_cold];
    all.push(Quantity::measured("First token after loading", note("first_token_cold"), start));
    all
}

fn note(words: Words) -> &'static str {
    match words {
        Words::NoDifferenceSeen => "no difference seen",
        Words::NoLossBeyondMargin => "no loss beyond the margin",
        Words::ABetter => "A is better",
        Words::BBetter => "B is better",
    }
}

/// What stays in view: right answers and speed, in as few digits as are read at a glance.
pub(super) fn glance(comparison: &Comparison) -> Vec<Pair> {
    let [a, b] = &comparison.models;
    let pair = |of: [&Measurement; 2]| {
        let values = of.map(|measurement| measurement.value);
        let scale = of[0].unit.scale(&values);
        let shown = at_a_glance(values.map(|value| value / scale.divisor));
        let cells = [0, 1].map(|at| Cell { value: shown[at].clone(), interval: None, id: of[at].id.clone() });
        Pair { about: scale.suffix.to_owned(), cells }
    };
    let mut all = vec![pair([&a.quality.overall.rate, &b.quality.overall.rate])];
    all.extend(a.speed.first().zip(b.speed.first()).map(|(a, b)| pair([&a.decode, &b.decode])));
    all
}

/// Two numbers in about two digits each: `94` and `78`, `0.9k` and `3.9k`.
fn at_a_glance(values: [f64; 2]) -> [String; 2] {
    let (low, high) = (values[0].min(values[1]), values[0].max(values[1]));
    values.map(|value| match value {
        _ if low >= 100.0 && high >= 1000.0 => format!("{:.1}k", value / 1000.0),
        _ if low < 10.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    })
}

fn speed_charts(comparison: &Comparison) -> Vec<String> {
    let prefill: fn(&SpeedAtDepth) -> (&Measurement, &Measurement) = |row| (&row.prefill, &row.prefill_predicted);
    let decode: fn(&SpeedAtDepth) -> (&Measurement, &Measurement) = |row| (&row.decode, &row.decode_predicted);
    [("Prefill", prefill), ("Decode", decode)]
        .into_iter()
        .filter_map(|(phase, pick)| chart::speed(comparison, phase, pick))
        .collect()
}

fn forecasts(comparison: &Comparison) -> [Forecasts; 2] {
    let forecast = |about, [predicted, error, share]: [&Measurement; 3]| Forecast {
        about,
        predicted: cell(predicted, predicted.unit.scale(&[predicted.value])),
        error: with_unit(error),
        share: with_unit(share),
    };
    Side::BOTH.map(|side| {
        let rows = comparison.models[side.index()].speed.iter().flat_map(|row| {
            let depth = row.depth;
            let prefill = [&row.prefill_predicted, &row.prefill_error, &row.arithmetic_share];
            let decode = [&row.decode_predicted, &row.decode_error, &row.bandwidth_share];
            [
                forecast(format!("prefill after {depth} tokens"), prefill),
                forecast(format!("decode after {depth} tokens"), decode),
            ]
        });
        Forecasts { letter: side.letter(), rows: rows.collect() }
    })
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

pub(super) fn sample(record: &Measurement) -> Sample<'_> {
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

/// A measurement as it stands where measurements are: of a prediction its range, marked.
pub(super) fn marked(measurement: &Measurement) -> Cell {
    match measurement.origin {
        Origin::Predicted => Cell { value: marked_text(measurement), interval: None, id: measurement.id.clone() },
        Origin::Measured | Origin::Derived => with_unit(measurement),
    }
}

pub(super) fn with_unit(measurement: &Measurement) -> Cell {
    Cell { value: measurement.text(), interval: measurement.interval_text(), id: measurement.id.clone() }
}

#[cfg(test)]
mod tests {
    use super::at_a_glance;

    #[test]
    fn a_glance_has_about_two_digits() {
        assert_eq!(at_a_glance([94.2, 78.0]), ["94", "78"]);
        assert_eq!(at_a_glance([907.0, 3862.0]), ["0.9k", "3.9k"]);
        assert_eq!(at_a_glance([7.31, 12.0]), ["7.3", "12.0"]);
        assert_eq!(at_a_glance([0.0, 2000.0]), ["0.0", "2000.0"]);
    }
}
