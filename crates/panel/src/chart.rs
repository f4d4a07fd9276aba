//! Charts as inline SVG that any width suits: positions across are percentages, heights and letters are pixels, so
//! that nothing shrinks on a phone. Models are told apart by shape and place as well as colour, and every mark has
//! its numbers as a title.

mod memory;
mod scatter;
mod strip;

use std::fmt::Write;

pub(crate) use memory::{PARTS as MEMORY_PARTS, memory};
pub(crate) use scatter::{Dot, scatter};
pub(crate) use strip::{accuracy, speed};

/// Part of the width left free at each side, so that a mark at the end is not cut, in percent.
const MARGIN: f64 = 1.5;
/// Height of the scale with its labels, in pixels.
const AXIS_HEIGHT: u32 = 24;

/// A scale from 0 across the chart.
struct Axis {
    max: f64,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Shares of a whole.
    fn share() -> Axis {
        let ticks = [0, 25, 50, 75, 100].map(|percent| (f64::from(percent) / 100.0, percent.to_string()));
        Axis { max: 1.0, ticks: ticks.to_vec() }
    }

    /// Round steps up to the first that holds `largest`; labels are multiples of `divisor`.
    fn up_to(largest: f64, divisor: f64) -> Axis {
        let shown = (largest / divisor).max(f64::MIN_POSITIVE);
        let rough = shown / 4.0;
        let magnitude = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|s| s * magnitude).find(|s| *s >= rough);
        let step = step.unwrap_or(10.0 * magnitude);
        let n_steps = (shown / step).ceil().max(1.0) as usize;
        let label = |at: usize| {
            let number = step * at as f64;
            let decimals = match step {
                _ if step < 1.0 => (-step.log10()).ceil() as usize + 1,
                _ => usize::from(step.fract() > 0.0),
            };
            format!("{number:.decimals$}")
        };
        let ticks = (0..=n_steps).map(|at| (step * at as f64 * divisor, label(at))).collect();
        Axis { max: step * n_steps as f64 * divisor, ticks }
    }

    /// Where a value stands, in percent of the width.
    fn at(&self, value: f64) -> f64 {
        MARGIN + (100.0 - 2.0 * MARGIN) * (value / self.max).clamp(0.0, 1.0)
    }

    /// Lines down to `height` and labels below.
    fn draw(&self, out: &mut String, height: u32) {
        for (index, (value, label)) in self.ticks.iter().enumerate() {
            let x = self.at(*value);
            let anchor = match index {
                0 => "start",
                _ if index + 1 == self.ticks.len() => "end",
                _ => "middle",
            };
            let _ = write!(
                out,
                r#"<line class="grid" x1="{x:.2}%" x2="{x:.2}%" y1="0" y2="{height}"/><text class="tick" x="{x:.2}%" y="{}" text-anchor="{anchor}">{}</text>"#,
                height + 16,
                escaped(label),
            );
        }
    }
}

/// The picture under its title, with a description for those who do not see it.
fn picture(id: &str, title: &str, description: &str, height: u32, body: &str) -> String {
    let (title, description) = (escaped(title), escaped(description));
    format!(
        r#"<figcaption>{title}</figcaption><svg class="chart" role="img" aria-labelledby="{id}-t {id}-d" width="100%" height="{height}" xmlns="http://www.w3.org/2000/svg"><title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>{body}</svg>"#
    )
}

/// Text that may stand between tags and in attributes.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::Axis;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.1.as_str()).collect()
    }

    #[test]
    fn scales_begin_at_nothing_and_end_on_a_round_number() {
        assert_eq!(labels(&Axis::up_to(5312.0, 1.0)), ["0", "2000", "4000", "6000"]);
        assert_eq!(labels(&Axis::up_to(31.4e6, 1e6)), ["0", "10", "20", "30", "40"]);
        assert_eq!(labels(&Axis::up_to(9.0, 1.0)), ["0.0", "2.5", "5.0", "7.5", "10.0"]);
        assert_eq!(labels(&Axis::up_to(0.8, 1.0)), ["0.00", "0.20", "0.40", "0.60", "0.80"]);
    }

    #[test]
    fn every_value_stays_inside_the_picture() {
        let axis = Axis::up_to(100.0, 1.0);
        for value in [-5.0, 0.0, 50.0, 100.0, 1e9] {
            assert!((1.0..=99.0).contains(&axis.at(value)), "{value}");
        }
    }
}
