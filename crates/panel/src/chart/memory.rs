//! Predicted memory as a bar of its parts, the measured peak as a mark on the same scale.

use std::fmt::Write;

use plimsoll_lab::record::{Comparison, ModelRecord, Side, Unit};

use super::{AXIS_HEIGHT, Axis, escaped, picture};

/// Height of a model's line: its label, the bar and the mark, in pixels.
const LINE: u32 = 62;

/// Predicted parts and measured peak of both models.
pub(crate) fn memory(comparison: &Comparison) -> String {
    let memory = comparison.models.each_ref().map(|model| &model.memory);
    let values = memory.iter().flat_map(|memory| [memory.predicted.value, memory.peak.value]);
    let (smallest, largest) = values.fold((f64::INFINITY, 0.0), |(low, high), v| (f64::min(low, v), f64::max(high, v)));
    let scale = Unit::Bytes.scale(&[smallest]);
    let axis = Axis::up_to(largest, scale.divisor);
    let mut body = String::new();
    axis.draw(&mut body, 2 * LINE);
    for side in Side::BOTH {
        draw(&mut body, &axis, &comparison.models[side.index()], side);
    }
    let description = "For each model a bar of the predicted parts, that is the program itself, weights, cache and \
         buffers, and below it the measured peak; the numbers are in the table that follows.";
    let title = format!("Memory, predicted and measured, {}", scale.suffix);
    picture("chart-memory", &title, description, 2 * LINE + AXIS_HEIGHT, &body)
}

fn draw(out: &mut String, axis: &Axis, model: &ModelRecord, side: Side) {
    let top = LINE * side.index() as u32;
    let letter = side.letter();
    let (predicted, peak) = (model.memory.predicted.text(), model.memory.peak.text());
    let _ = write!(
        out,
        r#"<g class="{}"><text class="label" x="0" y="{y}">{letter}</text><text class="note" x="100%" y="{y}" text-anchor="end">{}</text>"#,
        letter.to_lowercase(),
        escaped(&format!("predicted {predicted}, measured {peak}")),
        y = top + 17,
    );
    let mut from = 0.0;
    for ((class, name), bytes) in PARTS.into_iter().zip(sizes(model)) {
        let (x, end) = (axis.at(from), axis.at(from + bytes));
        let title = format!("{letter}, predicted for {name}");
        let _ = write!(
            out,
            r#"<rect class="part {class}" x="{x:.2}%" width="{:.2}%" y="{}" height="12"><title>{}</title></rect>"#,
            end - x,
            top + 25,
            escaped(&title),
        );
        from += bytes;
    }
    let y = top + 48;
    if let Some(interval) = model.memory.peak.interval {
        let (low, high) = (axis.at(interval.low), axis.at(interval.high));
        let _ = write!(out, r#"<line class="whisker" x1="{low:.2}%" x2="{high:.2}%" y1="{y}" y2="{y}"/>"#);
    }
    let title = format!("{letter}, measured peak: {peak}");
    let x = axis.at(model.memory.peak.value);
    let _ = write!(
        out,
        r##"<g><title>{}</title><use href="#mark-{letter}" x="{x:.2}%" y="{y}"/></g></g>"##,
        escaped(&title)
    );
}

/// Class and name of each part, in the order of the bar.
pub(crate) const PARTS: [(&str, &str); 4] =
    [("p1", "the program itself"), ("p2", "weights"), ("p3", "cache"), ("p4", "buffers")];

/// What each of [`PARTS`] takes, in bytes.
fn sizes(model: &ModelRecord) -> [f64; 4] {
    let parts = &model.memory.parts;
    [parts.process, parts.weights, parts.cache, parts.buffers].map(|bytes| bytes as f64)
}
