//! Right answers against memory or speed, a dot for each model: up is right more often. Across, the scale is logarithmic,
//! for models differ a thousandfold.

use std::fmt::Write;

use plimsoll_lab::record::{Measurement, Unit};

use super::{AXIS_HEIGHT, MARGIN, escaped, picture};

/// Height of the field, in pixels.
const FIELD: f64 = 220.0;
/// Room above it for a mark and its number, in pixels.
const ABOVE: f64 = 14.0;

/// A model in the chart.
pub(crate) struct Dot<'a> {
    /// The number that stands beside it, and in the list below.
    pub number: usize,
    /// What it is called.
    pub name: &'a str,
    /// Across.
    pub across: &'a Measurement,
    /// Up: a share of right answers.
    pub up: &'a Measurement,
}

/// From a power of ten to another.
struct Decades {
    low: i32,
    high: i32,
}

impl Decades {
    fn around(values: impl Iterator<Item = f64>) -> Decades {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| *value > 0.0) {
            (low, high) = (low.min(value.log10()), high.max(value.log10()));
        }
        if low > high {
            return Decades { low: 0, high: 1 };
        }
        let (low, high) = (low.floor() as i32, high.ceil() as i32);
        Decades { low, high: high.max(low + 1) }
    }

    ///, in percent of the width.
    fn at(&self, value: f64) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        let share = ((value.max(f64::MIN_POSITIVE).log10() - low) / (high - low)).clamp(0.0, 1.0);
        MARGIN + (100.0 - 2.0 * MARGIN) * share
    }

    fn draw(&self, out: &mut String, unit: Unit) {
        let bottom = ABOVE + FIELD;
        for power in self.low..=self.high {
            let (value, x) = (10f64.powi(power), self.at(10f64.powi(power)));
            let anchor = match power {
                power if power == self.low => "start",
                power if power == self.high => "end",
                _ => "middle",
            };
            let label = match unit {
                Unit::Bytes => crate::predicted::bytes(value),
                _ => format!("{value}"),
            };
            let _ = write!(
                out,
                r#"<line class="grid" x1="{x:.2}%" x2="{x:.2}%" y1="{ABOVE}" y2="{bottom}"/><text class="tick" x="{x:.2}%" y="{}" text-anchor="{anchor}">{}</text>"#,
                bottom + 16.0,
                escaped(&label),
            );
        }
    }
}

/// The chart; what it shows stands in the list of the same numbers beside it.
pub(crate) fn scatter(id: &str, title: &str, unit: Unit, dots: &[Dot<'_>]) -> String {
    let ends = |measured: &Measurement| measured.interval.map_or([measured.value; 2], |i| [i.low, i.high]);
    let decades = Decades::around(dots.iter().flat_map(|dot| ends(dot.across)));
    let down = |share: f64| ABOVE + FIELD * (1.0 - share.clamp(0.0, 1.0));
    let mut body = String::new();
    decades.draw(&mut body, unit);
    for percent in [0, 25, 50, 75, 100] {
        let y = down(f64::from(percent) / 100.0);
        let _ = write!(
            body,
            r#"<line class="grid" x1="{MARGIN}%" x2="{}%" y1="{y}" y2="{y}"/><text class="tick" x="{MARGIN}%" dx="4" y="{}">{percent} %</text>"#,
            100.0 - MARGIN,
            y - 3.0,
        );
    }
    for dot in dots {
        let (x, y) = (decades.at(dot.across.value), down(dot.up.value));
        let ([left, right], [low, high]) = (ends(dot.across).map(|end| decades.at(end)), ends(dot.up).map(down));
        let _ = write!(
            body,
            r#"<g class="dot"><title>{}</title><line class="whisker" x1="{left:.2}%" x2="{right:.2}%" y1="{y:.1}" y2="{y:.1}"/><line class="whisker" x1="{x:.2}%" x2="{x:.2}%" y1="{low:.1}" y2="{high:.1}"/><circle class="mark" cx="{x:.2}%" cy="{y:.1}" r="4"/><text x="{x:.2}%" dx="7" y="{:.1}">{}</text></g>"#,
            escaped(&format!("{}: {} right, {}", dot.name, dot.up.text(), dot.across.text())),
            y - 6.0,
            dot.number,
        );
    }
    let description = "A dot for each model with its intervals; the numbers are those of the list below.";
    picture(id, title, description, (ABOVE + FIELD) as u32 + AXIS_HEIGHT, &body)
}

#[cfg(test)]
mod tests {
    use super::Decades;

    #[test]
    fn every_value_lies_between_two_powers_of_ten() {
        let decades = Decades::around([5.4e6, 18e6, 6.2e9].into_iter());
        assert_eq!((decades.low, decades.high), (6, 10));
        assert!(decades.at(5.4e6) < decades.at(18e6) && decades.at(18e6) < decades.at(6.2e9));
        let one = Decades::around([10.0].into_iter());
        assert_eq!((one.low, one.high), (1, 2));
        let none = Decades::around(std::iter::empty());
        assert!(none.at(0.0) >= 0.0 && none.at(f64::MAX) <= 100.0);
    }
}
