//! Numbers as they are read: three significant digits, in the unit that keeps them short.

use super::{Measurement, Origin, Unit};
use crate::stats::{Interval, LEVEL};

/// A divisor with its name: what a column or a row of numbers is shown in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    unit: Unit,
    /// One shown is this many of the unit itself.
    pub divisor: f64,
    /// What the shown number counts, such as `MB` or `tokens/s`; empty for a bare ratio.
    pub suffix: &'static str,
}

/// Decimal prefixes, as files and memory are sold; none below a byte.
const BYTES: [(f64, &str); 4] = [(1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "bytes")];
const SECONDS: [(f64, &str); 5] = [(31_557_600.0, "years"), (86_400.0, "days"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs")];
/// Below it a divergence is shown by its order of magnitude, in nats.
const SMALL_DIVERGENCE: f64 = 0.1;
const BYTES_PER_SECOND: [(f64, &str); 2] = [(1e9, "GB/s"), (1e6, "MB/s")];
const FLOPS: [(f64, &str); 2] = [(1e9, "GFLOP/s"), (1e6, "MFLOP/s")];

impl Unit {
    /// The scale in which the smallest of `values` still has a digit before the point.
    ///
    /// ```
    /// use plimsoll_lab::record::Unit;
    /// let scale = Unit::Seconds.scale(&[0.0314, 2.5]);
    /// assert_eq!((scale.show(0.0314), scale.show(2.5), scale.suffix), ("31.4".into(), "2500".into(), "ms"));
    /// ```
    pub fn scale(self, values: &[f64]) -> Scale {
        let smallest =
            values.iter().map(|value| value.abs()).filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
        let choose = |steps: &[(f64, &'static str)]| {
            let fitting = steps.iter().find(|step| smallest.is_finite() && smallest >= step.0);
            *fitting.or(steps.last()).expect("the tables above are not empty")
        };
        let (divisor, suffix) = match self {
            Unit::Bytes => choose(&BYTES),
            Unit::Seconds => choose(&SECONDS),
            Unit::BytesPerSecond => choose(&BYTES_PER_SECOND),
            Unit::FlopsPerSecond => choose(&FLOPS),
            Unit::TokensPerSecond => (1.0, "tokens/s"),
            Unit::Nats => (1.0, "nats"),
            Unit::Share => (0.01, "%"),
            Unit::ShareDifference => (0.01, "points"),
            Unit::Ratio => (1.0, ""),
            Unit::Logits => (1.0, "logits"),
            Unit::SharePerGigabyte => (0.01, "%/GB"),
        };
        Scale { unit: self, divisor, suffix }
    }

    /// A value with its unit, such as `31.4 MB`.
    pub fn text(self, value: f64) -> String {
        let scale = self.scale(&[value]);
        scale.with_suffix(&scale.show(value))
    }
}

impl Scale {
    /// The number alone.
    pub fn show(&self, value: f64) -> String {
        self.show_like(value, value)
    }

    /// `lo–hi` with as many decimals as `value` is shown with, but for ends many times as large, and behind it the level
    /// where that is not [`LEVEL`]: `lo–hi, 75 %`. Every interval that is read is written here.
    pub fn show_interval(&self, interval: Interval, value: f64) -> String {
        let end = |x: f64| self.show_like(x, if x.abs() > 10.0 * value.abs() { x } else { value });
        // A range of negative numbers needs more than a dash between them.
        let between = if self.unit == Unit::ShareDifference { " to " } else { "–" };
        format!("{}{between}{}{}", end(interval.low), end(interval.high), other_level(interval.level))
    }

    fn show_like(&self, value: f64, model: f64) -> String {
        let (value, model) = (value / self.divisor, (model / self.divisor).abs());
        // Divergences span orders of magnitude, and the order is what is read.
        if self.unit == Unit::Nats && model < SMALL_DIVERGENCE {
            return if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") };
        }
        let decimals = match self.unit {
            Unit::Share | Unit::ShareDifference => 1,
            _ if model == 0.0 || !model.is_finite() => 0,
            // Differences of logits are rounding, whose size alone matters.
            Unit::Logits if model < 1e-2 => return format!("{value:.1e}"),
            _ => (2 - model.log10().floor() as i32).clamp(0, 4) as usize,
        };
        let shown = format!("{:.decimals$}", value.abs());
        let is_zero = shown.bytes().all(|byte| matches!(byte, b'0' | b'.'));
        let sign = match self.unit {
            _ if is_zero => "",
            _ if value < 0.0 => "−",
            Unit::ShareDifference => "+",
            _ => "",
        };
        format!("{sign}{shown}")
    }

    fn with_suffix(&self, shown: &str) -> String {
        match self.unit {
            Unit::Ratio => format!("{shown} ×"),
            _ => format!("{shown} {}", self.suffix),
        }
    }
}

impl Measurement {
    /// The value with its unit, such as `31.4 MB`.
    pub fn text(&self) -> String {
        self.unit.text(self.value)
    }

    /// The interval in the unit of [`Measurement::text`], without naming it again. The range of a prediction has no level: it
    /// is as wide as what it rests on is doubtful.
    pub fn interval_text(&self) -> Option<String> {
        let scale = self.unit.scale(&[self.value]);
        let level = |level| if self.origin == Origin::Predicted { LEVEL } else { level };
        self.interval
            .map(|interval| scale.show_interval(Interval { level: level(interval.level), ..interval }, self.value))
    }
}

/// A level that is not the usual one, with a comma before it.
fn other_level(level: f64) -> String {
    match level {
        level if (level - LEVEL).abs() < 0.005 => String::new(),
        level => format!(", {:.0} %", (100.0 * level).min(99.0)),
    }
}

/// A p-value: two digits, and a bound where more would pretend.
///
/// ```
/// use plimsoll_lab::record::show_p;
/// assert_eq!((show_p(0.0432), show_p(1e-9), show_p(1.0)), ("0.043".into(), "< 0.001".into(), "1.00".into()));
/// ```
pub fn show_p(p: f64) -> String {
    match p {
        p if p < 0.001 => "< 0.001".to_owned(),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}

/// Names in a sentence: `a, b and c`.
pub fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(unit: Unit, value: f64, low: f64, high: f64) -> (String, String) {
        let interval = Interval { low, high, level: 0.95 };
        let one = Measurement::of("A", "m", unit, Origin::Measured, value).within(Some(interval)).record();
        (one.text(), one.interval_text().unwrap())
    }

    #[test]
    fn three_digits_in_the_unit_that_keeps_them_short() {
        let read = |unit, value, lo, hi| {
            let (value, interval) = text(unit, value, lo, hi);
            format!("{value} ({interval})")
        };
        assert_eq!(read(Unit::Bytes, 31_449_000.0, 31.2e6, 31.9e6), "31.4 MB (31.2–31.9)");
        assert_eq!(read(Unit::Seconds, 0.00314, 0.003, 0.0042), "3.14 ms (3.00–4.20)");
        assert_eq!(read(Unit::TokensPerSecond, 1234.4, 999.6, 1300.0), "1234 tokens/s (1000–1300)");
        assert_eq!(read(Unit::Share, 0.782, 0.744, 0.816), "78.2 % (74.4–81.6)");
        assert_eq!(read(Unit::ShareDifference, 0.05, -0.01, 0.11), "+5.0 points (−1.0 to +11.0)");
        assert_eq!(read(Unit::Nats, 0.00074, 0.0, 0.0012), "7.4e-4 nats (0–1.2e-3)");
        assert_eq!(read(Unit::Nats, 0.7431, 0.02, 1.5), "0.743 nats (0.020–1.500)");
        assert_eq!(read(Unit::Ratio, 0.2871, 0.28, 0.3), "0.287 × (0.280–0.300)");
        assert_eq!(read(Unit::Ratio, 0.0513, 0.0, 84209.2), "0.0513 × (0.0000–84209)");
    }

    #[test]
    fn a_level_that_is_not_95_per_cent_stands_beside_the_interval() {
        let shown = |level| {
            let interval = Interval { low: 3.0, high: 4.2, level };
            Unit::TokensPerSecond.scale(&[3.5]).show_interval(interval, 3.5)
        };
        let levels = [0.95, 0.951, 0.75, 0.9375, 0.984375, 0.998, 0.0].map(shown);
        let expected =
            ["", "", ", 75 %", ", 94 %", ", 98 %", ", 99 %", ", 0 %"].map(|level| format!("3.00–4.20{level}"));
        assert_eq!(levels, expected);
    }

    #[test]
    fn nothing_is_shown_as_a_signed_zero() {
        assert_eq!(text(Unit::ShareDifference, -0.0001, 0.0, 0.0).0, "0.0 points");
        assert_eq!(text(Unit::Bytes, 0.0, 0.0, 0.0).0, "0 bytes");
    }
}
