//! What was measured of two models, as tables and charts.

use plimsoll_lab::record::{Comparison, Measurement, Origin, Side, SpeedAtDepth};

use super::shown::bytes;
use crate::chart;
use crate::table::{Cell, Row, Section, cell, sections};

/// The sections of a comparison that was measured.
pub(super) struct Measured<'a> {
    pub comparison: &'a Comparison,
    pub sections: Vec<Section>,
    pub accuracy_chart: String,
    pub speed_charts: Vec<String>,
    pub memory_chart: String,
    pub forecasts: Vec<Forecast>,
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

    /// The difference in right answers over all questions.
    pub fn headline(&self) -> Option<&Row> {
        self.sections.first().and_then(|accuracy| accuracy.rows.first())
    }

    /// How both models were asked.
    pub fn prompting(&self) -> [&str; 2] {
        Side::BOTH.map(|side| self.comparison.models[side.index()].quality.prompting.as_str())
    }
}

/// Numbers of A and B in one line.
pub(super) struct Pair {
    pub about: String,
    pub cells: [Cell; 2],
}

/// Predictions, their errors and shares of a phase at a depth.
pub(super) struct Forecast {
    pub about: String,
    pub predicted: [Cell; 2],
    pub error: [Cell; 2],
    pub share: [Cell; 2],
}

/// A measurement as it stands at the end of the page.
pub(super) struct Sample<'a> {
    pub record: &'a Measurement,
    pub value: String,
    pub interval: Option<String>,
    pub origin: &'static str,
    pub samples: Vec<String>,
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

pub(super) fn with_unit(measurement: &Measurement) -> Cell {
    Cell { value: measurement.text(), interval: measurement.interval_text(), id: measurement.id.clone() }
}

fn same_scale(pair: [&Measurement; 2]) -> [Cell; 2] {
    let scale = pair[0].unit.scale(&pair.map(|m| m.value));
    pair.map(|m| cell(m, scale))
}
