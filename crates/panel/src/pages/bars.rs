//! The same quantity of two models as bars on one scale, for a first look.

use plimsoll_lab::record::{Measurement, Side, Unit};
use plimsoll_lab::stats::Interval;

/// A quantity of both models. The macro `bars` of the templates draws it.
pub(crate) struct Quantity {
    /// In words, such as `Peak memory`.
    pub title: String,
    /// What is to be made of the two, such as `A is better` or `no difference seen`.
    pub note: String,
    bars: [Option<Bar>; 2],
}

/// One model's bar. Lengths are in percent of the width, with two decimals.
pub(crate) struct Bar {
    pub width: String,
    /// Where its interval begins and ends.
    pub ends: Option<(String, String)>,
    /// The value with its unit.
    pub text: String,
    /// The record on the same page; none where there is none to link to.
    pub id: Option<String>,
    pub is_predicted: bool,
}

/// What a bar shows.
pub(crate) struct Amount {
    /// In any unit, the same for both models; 0 or more.
    pub value: f64,
    pub interval: Option<Interval>,
    /// The value with its unit.
    pub text: String,
    /// The record on the same page; none where there is none to link to.
    pub id: Option<String>,
    pub is_predicted: bool,
}

/// A model's bar, or why there is none.
pub(crate) struct SideBar<'a> {
    pub letter: &'static str,
    pub bar: Option<&'a Bar>,
    pub missing: &'static str,
}

impl Quantity {
    /// Two amounts on a scale that ends with the larger, or at `whole` where there is such a thing.
    pub fn new(title: &str, note: &str, amounts: [Option<Amount>; 2], whole: Option<f64>) -> Quantity {
        let ends =
            amounts.iter().flatten().map(|amount| amount.interval.map_or(amount.value, |i| i.high.max(amount.value)));
        let full = whole.unwrap_or_else(|| ends.fold(0.0, f64::max));
        let bars = amounts.map(|amount| amount.map(|amount| Bar::of(amount, full)));
        Quantity { title: title.to_owned(), note: note.to_owned(), bars }
    }

    /// Two measurements of one metric.
    pub fn measured(title: &str, note: &str, of: [&Measurement; 2]) -> Quantity {
        let whole = (of[0].unit == Unit::Share).then_some(1.0);
        let scale = of[0].unit.scale(&of.map(|measurement| measurement.value));
        let amount = |measurement: &Measurement| Amount {
            text: format!("{} {}", scale.show(measurement.value), scale.suffix),
            ..Amount::of(measurement)
        };
        Quantity::new(title, note, of.map(|measurement| Some(amount(measurement))), whole)
    }

    /// A and B.
    pub fn sides(&self) -> [SideBar<'_>; 2] {
        Side::BOTH.map(|side| SideBar {
            letter: side.letter(),
            bar: self.bars[side.index()].as_ref(),
            missing: "not known",
        })
    }
}

impl Amount {
    /// A measurement as it stands in a record of the page.
    pub fn of(measurement: &Measurement) -> Amount {
        Amount {
            value: measurement.value,
            interval: measurement.interval,
            text: measurement.text(),
            id: Some(measurement.id.clone()),
            is_predicted: false,
        }
    }
}

impl Bar {
    fn of(amount: Amount, full: f64) -> Bar {
        // Half a percent is left, so that the end of an interval is not cut.
        let at = |value: f64| format!("{:.2}", if full > 0.0 { 99.5 * (value / full).clamp(0.0, 1.0) } else { 0.0 });
        Bar {
            width: at(amount.value),
            ends: amount.interval.map(|interval| (at(interval.low), at(interval.high))),
            text: amount.text,
            id: amount.id,
            is_predicted: amount.is_predicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amount(value: f64, interval: Option<[f64; 2]>) -> Option<Amount> {
        let interval = interval.map(|[low, high]| Interval { low, high, level: 0.95 });
        Some(Amount { value, interval, text: value.to_string(), id: None, is_predicted: false })
    }

    fn widths(quantity: &Quantity) -> [Option<&str>; 2] {
        quantity.bars.each_ref().map(|bar| bar.as_ref().map(|bar| bar.width.as_str()))
    }

    #[test]
    fn the_larger_fills_the_scale_and_its_interval_stays_on_it() {
        let drawn = Quantity::new("Speed", "", [amount(50.0, None), amount(90.0, Some([80.0, 100.0]))], None);
        assert_eq!(widths(&drawn), [Some("49.75"), Some("89.55")]);
        assert_eq!(drawn.bars[1].as_ref().unwrap().ends, Some(("79.60".to_owned(), "99.50".to_owned())));
    }

    #[test]
    fn shares_are_drawn_of_the_whole_and_nothing_is_drawn_of_nothing() {
        assert_eq!(widths(&Quantity::new("", "", [amount(0.2, None), None], Some(1.0))), [Some("19.90"), None]);
        assert_eq!(widths(&Quantity::new("", "", [amount(0.0, None), amount(0.0, None)], None)), [Some("0.00"); 2]);
    }
}
