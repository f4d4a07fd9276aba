//! Dots with whiskers on a common scale, one line for each category or depth, A above B.

use std::fmt::Write;

use plimsoll_lab::record::{Comparison, Measurement, Side, SpeedAtDepth, Unit};

use super::{AXIS_HEIGHT, Axis, escaped, picture};

/// Height of a line: its label, A and B, in pixels.
const LINE: u32 = 46;
/// Where the label, A and B stand in it, in pixels.
const LABEL_Y: u32 = 14;
const MARK_Y: [u32; 2] = [24, 36];

struct Line<'a> {
    label: String,
    note: String,
    measured: [&'a Measurement; 2],
    predicted: Option<[&'a Measurement; 2]>,
}

/// Accuracy over all and by category.
pub(crate) fn accuracy(comparison: &Comparison) -> String {
    let [a, b] = &comparison.models;
    let mut lines = vec![Line {
        label: "All categories".into(),
        note: note(comparison, "accuracy", [&a.quality.overall.rate, &b.quality.overall.rate]),
        measured: [&a.quality.overall.rate, &b.quality.overall.rate],
        predicted: None,
    }];
    lines.extend(a.quality.categories.iter().zip(&b.quality.categories).map(|(a, b)| Line {
        label: a.category.clone(),
        note: note(comparison, &a.rate.metric, [&a.rate, &b.rate]),
        measured: [&a.rate, &b.rate],
        predicted: None,
    }));
    let description = "For each category a dot for each model with its 95 % Wilson interval; the numbers are in the \
         table that follows.";
    draw("chart-accuracy", "Right answers by category, %", description, &Axis::share(), &lines)
}

/// Speed of one phase by depth; `pick` takes the measured and the predicted speed. `None` where nothing was timed.
pub(crate) fn speed(
    comparison: &Comparison,
    phase: &str,
    pick: fn(&SpeedAtDepth) -> (&Measurement, &Measurement),
) -> Option<String> {
    let [a, b] = &comparison.models;
    let lines: Vec<Line> = a
        .speed
        .iter()
        .zip(&b.speed)
        .map(|(a, b)| {
            let (depth, (a, a_predicted), (b, b_predicted)) = (a.depth, pick(a), pick(b));
            let label = format!("after {depth} tokens");
            let note = note(comparison, &a.metric, [a, b]);
            Line { label, note, measured: [a, b], predicted: Some([a_predicted, b_predicted]) }
        })
        .collect();
    let all = lines.iter().flat_map(|line| line.measured.iter().chain(line.predicted.iter().flatten()));
    let largest = all.flat_map(|m| m.samples.iter().chain([&m.value])).copied().fold(0.0, f64::max);
    let suffix = Unit::TokensPerSecond.scale(&[largest]).suffix;
    let description = "For each depth the median of each model, its repetitions as small strokes and the prediction \
         as a hollow stroke; the numbers are in the table that follows.";
    let title = format!("{phase} by depth of context, {suffix}");
    let id = format!("chart-{}", phase.to_lowercase());
    (!lines.is_empty()).then(|| draw(&id, &title, description, &Axis::up_to(largest, 1.0), &lines))
}

/// Both values in the unit of the chart, and what is to be made of them.
fn note(comparison: &Comparison, metric: &str, of: [&Measurement; 2]) -> String {
    let scale = of[0].unit.scale(&of.map(|measurement| measurement.value));
    let values = of.map(|measurement| scale.show(measurement.value)).join(" / ");
    comparison.difference(metric).map_or(values.clone(), |found| format!("{values}, {}", found.words))
}

fn draw(id: &str, title: &str, description: &str, axis: &Axis, lines: &[Line]) -> String {
    let height = LINE * lines.len() as u32;
    let mut body = String::new();
    axis.draw(&mut body, height);
    for (index, line) in lines.iter().enumerate() {
        let top = LINE * index as u32;
        let _ = write!(
            body,
            r#"<text class="label" x="0" y="{y}">{}</text><text class="note" x="100%" y="{y}" text-anchor="end">{}</text>"#,
            escaped(&line.label),
            escaped(&line.note),
            y = top + LABEL_Y,
        );
        for side in Side::BOTH {
            draw_mark(&mut body, axis, line, side, top + MARK_Y[side.index()]);
        }
    }
    picture(id, title, description, height + AXIS_HEIGHT, &body)
}

fn draw_mark(out: &mut String, axis: &Axis, line: &Line, side: Side, y: u32) {
    let measured = line.measured[side.index()];
    let letter = side.letter();
    let interval = measured.interval_text().map_or(String::new(), |interval| format!(" ({interval})"));
    let title = format!("{letter}, {}: {}{interval}", line.label, measured.text());
    let _ = write!(out, r#"<g class="{}"><title>{}</title>"#, letter.to_lowercase(), escaped(&title));
    if let Some(interval) = measured.interval {
        let (low, high) = (axis.at(interval.low), axis.at(interval.high));
        let _ = write!(out, r#"<line class="whisker" x1="{low:.2}%" x2="{high:.2}%" y1="{y}" y2="{y}"/>"#);
    }
    for sample in &measured.samples {
        let x = axis.at(*sample);
        let _ = write!(out, r#"<line class="sample" x1="{x:.2}%" x2="{x:.2}%" y1="{}" y2="{}"/>"#, y - 5, y + 5);
    }
    let _ = write!(out, r##"<use href="#mark-{letter}" x="{:.2}%" y="{y}"/></g>"##, axis.at(measured.value));
    if let Some(predicted) = line.predicted {
        let predicted = predicted[side.index()];
        let title = format!("{letter}, {}: predicted {}", line.label, predicted.text());
        let _ = write!(
            out,
            r##"<g class="{}"><title>{}</title><use href="#mark-P" x="{:.2}%" y="{y}"/></g>"##,
            letter.to_lowercase(),
            escaped(&title),
            axis.at(predicted.value),
        );
    }
}
