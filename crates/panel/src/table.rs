//! The differences of a comparison as rows to be read, on whatever they are shown.

use std::collections::HashMap;

use plimsoll_lab::record::{Comparison, Difference, Measurement, Scale, Side, Unit, Words, show_p};

/// A number as it is shown, with the measurement it was read off.
pub(crate) struct Cell {
    /// Three digits or so, in the row's unit.
    pub value: String,
    /// Its interval in the same unit.
    pub interval: Option<String>,
    /// The measurement's id.
    pub id: String,
}

/// One metric of both models.
pub(crate) struct Row {
    /// The metric in words, without the section's own name.
    pub about: String,
    /// What the cells of A and B count; empty if nothing.
    pub unit: &'static str,
    pub a: Cell,
    pub b: Cell,
    pub difference: Cell,
    pub words: Words,
    /// Holm's p-value, such as `p = 0.012`.
    pub p: String,
    /// How far apart the models are, on a scale of its own for each unit.
    pub size: f64,
    /// The difference that the sample would mostly have shown.
    pub detectable: Option<String>,
}

impl Row {
    /// The letter of the better model, if the difference is real.
    pub fn winner(&self) -> Option<&'static str> {
        match self.words {
            Words::NoDifferenceSeen | Words::NoLossBeyondMargin => None,
            Words::ABetter => Some(Side::A.letter()),
            Words::BBetter => Some(Side::B.letter()),
        }
    }

    /// Whether it is of all categories together.
    pub fn is_overall(&self) -> bool {
        self.about == "all categories"
    }

    fn is_told(&self) -> bool {
        self.winner().is_some() || self.is_overall()
    }
}

/// Rows that belong together.
pub(crate) struct Section {
    pub title: &'static str,
    pub rows: Vec<Row>,
}

impl Section {
    /// Rows in which a difference was seen, and in any case that of all categories.
    pub fn told(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.is_told()).collect()
    }

    /// The others.
    pub fn alike(&self) -> Vec<&Row> {
        self.rows.iter().filter(|row| !row.is_told()).collect()
    }

    /// The unit of every row, where all have the same.
    pub fn unit(&self) -> Option<&'static str> {
        let first = self.rows.first()?.unit;
        self.rows.iter().all(|row| row.unit == first).then_some(first)
    }
}

/// All differences in three sections: accuracy, speed, start and memory. Sections without rows are left out.
pub(crate) fn sections(comparison: &Comparison) -> Vec<Section> {
    let index: Index = comparison.measurements().into_iter().map(|m| (m.id.as_str(), m)).collect();
    let rows_where = |wanted: &dyn Fn(&Difference) -> bool| -> Vec<Row> {
        comparison.differences.iter().filter(|d| wanted(d)).filter_map(|d| row(d, &index)).collect()
    };
    let is_speed = |d: &Difference| d.unit == Unit::TokensPerSecond;
    let is_accuracy = |d: &Difference| d.unit == Unit::Share;
    let sections = [
        Section { title: "Accuracy", rows: rows_where(&is_accuracy) },
        Section { title: "Speed", rows: rows_where(&is_speed) },
        Section { title: "Start and memory", rows: rows_where(&|d| !is_speed(d) && !is_accuracy(d)) },
    ];
    sections.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

type Index<'a> = HashMap<&'a str, &'a Measurement>;

/// `None` for a difference whose measurements are not in the record: it could not be traced and is not shown.
fn row(difference: &Difference, index: &Index) -> Option<Row> {
    let source = |at: usize| difference.difference.from.get(at).and_then(|id| index.get(id.as_str()).copied());
    let (a, b) = (source(0)?, source(1)?);
    let scale = a.unit.scale(&[a.value, b.value]);
    let found = &difference.difference;
    let found_scale = found.unit.scale(&[found.value]);
    Some(Row {
        about: difference.about.strip_prefix("accuracy, ").unwrap_or(&difference.about).to_owned(),
        unit: scale.suffix,
        a: cell(a, scale),
        b: cell(b, scale),
        difference: Cell { value: found.text(), interval: found.interval_text(), id: found.id.clone() },
        words: difference.words,
        p: p_value(difference.test.p_holm),
        size: if found.unit == Unit::Ratio { found.value.ln().abs() } else { found.value.abs() },
        detectable: difference.detectable.map(|least| detectable(least, found_scale)),
    })
}

/// Shows a measurement in a scale chosen for more than one.
pub(crate) fn cell(measurement: &Measurement, scale: Scale) -> Cell {
    let value = scale.show(measurement.value);
    let interval = measurement.interval.map(|interval| scale.show_interval(interval, measurement.value));
    Cell { value, interval, id: measurement.id.clone() }
}

fn p_value(p: f64) -> String {
    let shown = show_p(p);
    if shown.starts_with('<') { format!("p {shown}") } else { format!("p = {shown}") }
}

fn detectable(least: f64, scale: Scale) -> String {
    let shown = scale.show(least);
    match scale.suffix {
        "" => format!("{shown} ×"),
        suffix => format!("{} {suffix}", shown.trim_start_matches('+')),
    }
}
