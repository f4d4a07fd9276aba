//! What a reviewer writes: words without figures between figures that say where they come from.

use serde::{Deserialize, Serialize};

use plimsoll_lab::record::{Measurement, Origin, Unit};
use plimsoll_lab::stats::Interval;

/// A stretch of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    /// Words, in which no figure may stand.
    Words {
        /// As read.
        text: String,
    },
    /// A name that somebody else gave.
    Name {
        /// As read.
        text: String,
    },
    /// A number read off a measurement.
    Value {
        /// As read.
        text: String,
        /// The measurement's id.
        measurement: String,
    },
    /// One measurement beside another of the same unit: divided by it, or both as they are.
    Factor {
        /// As read.
        text: String,
        /// The ids of both.
        of: [String; 2],
    },
    /// A number that the rubric gives or makes of a measurement.
    Rule {
        /// As read.
        text: String,
        /// Which: `ship_at`, `score`, `chance_margin`, or a criterion's `…/needed`.
        rule: String,
    },
    /// What the licence says.
    Term {
        /// As read.
        text: String,
    },
}

impl Part {
    /// As read.
    pub fn text(&self) -> &str {
        match self {
            Part::Words { text }
            | Part::Name { text }
            | Part::Value { text, .. }
            | Part::Factor { text, .. }
            | Part::Rule { text, .. }
            | Part::Term { text } => text,
        }
    }
}

/// A paragraph being written.
#[derive(Debug, Default)]
pub(super) struct Paragraph(Vec<Part>);

impl Paragraph {
    pub fn words(&mut self, text: &str) -> &mut Self {
        if let Some(Part::Words { text: last }) = self.0.last_mut() {
            last.push_str(text);
        } else {
            self.0.push(Part::Words { text: text.to_owned() });
        }
        self
    }

    /// What joins the element at `index` of a list of `n` to those before it: a comma, or `and` before the last.
    pub fn joint(&mut self, index: usize, n: usize) -> &mut Self {
        self.words(match index {
            0 => "",
            _ if index + 1 == n => " and ",
            _ => ", ",
        })
    }

    pub fn name(&mut self, text: &str) -> &mut Self {
        self.0.push(Part::Name { text: text.to_owned() });
        self
    }

    pub fn term(&mut self, text: &str) -> &mut Self {
        self.0.push(Part::Term { text: text.to_owned() });
        self
    }

    /// Parts of another paragraph.
    pub fn parts(&mut self, parts: &[Part]) -> &mut Self {
        for part in parts {
            match part {
                Part::Words { text } => {
                    self.words(text);
                }
                part => self.0.push(part.clone()),
            }
        }
        self
    }

    /// A blank, where none stands there and something else does.
    pub fn apart(&mut self) -> &mut Self {
        let needs_one = self.0.last().is_some_and(|last| !last.text().ends_with(' '));
        if needs_one { self.words(" ") } else { self }
    }

    pub fn rule(&mut self, text: String, rule: String) -> &mut Self {
        self.0.push(Part::Rule { text, rule });
        self
    }

    /// The value, and its interval in brackets if it has one.
    pub fn value(&mut self, measurement: &Measurement) -> &mut Self {
        self.value_alone(measurement);
        if let Some(interval) = measurement.interval_text().filter(|_| measurement.origin != Origin::Predicted) {
            self.0.push(Part::Value { text: format!(" ({interval})"), measurement: measurement.id.clone() });
        }
        self
    }

    /// The value without its interval, where another sentence has that.
    pub fn value_alone(&mut self, measurement: &Measurement) -> &mut Self {
        self.0.push(Part::Value { text: marked_text(measurement), measurement: measurement.id.clone() });
        self
    }

    /// Both of two measurements, such as `2.0 GB against 4.9 GB`; of predictions one mark for the two.
    pub fn against(&mut self, of: [&Measurement; 2]) -> &mut Self {
        self.0.push(Part::Factor { text: against_text(of), of: of.map(|measurement| measurement.id.clone()) });
        self
    }

    /// Right answers as `39 of 50`.
    pub fn count(&mut self, rate: &Measurement) -> &mut Self {
        self.0.push(Part::Value { text: count_text(rate), measurement: rate.id.clone() });
        self
    }

    /// One measurement as so many times the other, such as `5.9 times`.
    pub fn factor(&mut self, of: [&Measurement; 2]) -> &mut Self {
        self.0.push(Part::Factor { text: factor_text(of), of: of.map(|measurement| measurement.id.clone()) });
        self
    }

    pub fn done(mut self) -> Vec<Part> {
        if let Some(Part::Words { text }) = self.0.last_mut() {
            text.truncate(text.trim_end().len());
        }
        self.0
    }
}

/// Every way in which a measurement may be read.
pub(super) fn readings(measurement: &Measurement) -> Vec<String> {
    let mut all = vec![marked_text(measurement)];
    if measurement.origin == Origin::Predicted {
        return all;
    }
    all.extend(measurement.interval_text().map(|interval| format!(" ({interval})")));
    if measurement.unit == Unit::Share && measurement.n > 0 {
        all.push(count_text(measurement));
    }
    all
}

/// Stands before every predicted figure.
const MARK: &str = "predicted ";

/// The value; of a prediction its range, marked.
pub(crate) fn marked_text(measurement: &Measurement) -> String {
    match measurement.origin {
        Origin::Predicted => format!("{MARK}{}", predicted_text(measurement)),
        Origin::Measured | Origin::Derived => measurement.text(),
    }
}

/// A prediction as the range that it is, two digits of it, with its unit: `8.3–21 tokens/s`. Its ends are rounded outward,
/// so that what was predicted lies within what is read. Whoever shows it marks it.
pub fn predicted_text(measurement: &Measurement) -> String {
    let scale = measurement.unit.scale(&[measurement.value]);
    let digits = |value: f64, rounded: fn(f64) -> f64| two_digits(value / scale.divisor, rounded);
    let range = match measurement.interval {
        Some(Interval { low, high, .. }) => [digits(low, f64::floor), digits(high, f64::ceil)],
        None => [measurement.value; 2].map(|value| digits(value, f64::round)),
    };
    let [low, high] = &range;
    let range = if low == high { low.clone() } else { format!("{low}–{high}") };
    format!("{range} {}", scale.suffix).trim_end().to_owned()
}

/// `1234` as `1200`, `0.0567` as `0.057`.
fn two_digits(value: f64, rounded: impl Fn(f64) -> f64) -> String {
    let decimals = match value.abs() {
        size if size > 0.0 && size.is_finite() => (1 - size.log10().floor() as i32).min(3),
        _ => return format!("{value:.0}"),
    };
    let scale = 10f64.powi(decimals);
    // What lies on a step but for the rounding of its own arithmetic stays there.
    let steps = value * scale;
    let steps = if (steps - steps.round()).abs() < 1e-6 { steps.round() } else { rounded(steps) };
    format!("{:.*}", decimals.max(0) as usize, steps / scale)
}

/// Both as they are, in one mark where they are predicted.
pub(super) fn against_text([one, other]: [&Measurement; 2]) -> String {
    match [one.origin, other.origin] {
        [Origin::Predicted, Origin::Predicted] => {
            format!("{MARK}{} against {}", predicted_text(one), predicted_text(other))
        }
        _ => format!("{} against {}", marked_text(one), marked_text(other)),
    }
}

fn count_text(rate: &Measurement) -> String {
    format!("{:.0} of {}", rate.value * rate.n as f64, rate.n)
}

/// Two digits: more is not carried by medians of a few samples.
pub(super) fn factor_text([one, other]: [&Measurement; 2]) -> String {
    let factor = one.value / other.value;
    let decimals = if factor.is_finite() && factor > 0.0 { (1 - factor.log10().floor() as i32).clamp(0, 3) } else { 0 };
    let is_predicted = one.origin == Origin::Predicted || other.origin == Origin::Predicted;
    format!("{}{factor:.*} times", if is_predicted { MARK } else { "" }, decimals as usize)
}

/// A score as the range that its inputs allow, no finer than they carry: `98`, `83–86`, `75–90`. It is rounded outwards, so
/// that a score just below the mark does not read as one that reached it.
pub fn range_text(low: f64, high: f64) -> String {
    let (low, high) = (low.min(high), low.max(high));
    let step = if high - low < 5.0 { 1.0 } else { 5.0 };
    let (from, to) = ((low / step).floor() * step, (high / step).ceil() * step);
    if high - low < 0.5 { format!("{from:.0}") } else { format!("{from:.0}–{to:.0}") }
}
