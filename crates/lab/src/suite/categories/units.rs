//! Conversions whose answer is a whole number.

use super::{Draft, Rng};
use crate::score::Scoring;

/// Larger unit, smaller unit, how many of the smaller make one of the larger, and the largest count asked about.
const UNITS: &[(&str, &str, u32, u32)] = &[
    ("metres", "centimetres", 100, 99),
    ("kilometres", "metres", 1000, 99),
    ("kilograms", "grams", 1000, 99),
    ("centimetres", "millimetres", 10, 99),
    ("litres", "millilitres", 1000, 99),
    ("hours", "minutes", 60, 30),
    ("minutes", "seconds", 60, 30),
    ("weeks", "days", 7, 30),
    ("days", "hours", 24, 20),
];

pub(super) fn draft(rng: &mut Rng) -> Draft {
    let (large, small, factor, most) = UNITS[rng.below(UNITS.len())];
    let n = rng.between(2, most);
    let (from, to, count, answer) =
        if rng.one_in(3) { (small, large, n * factor, n) } else { (large, small, n, n * factor) };
    let prompt = match rng.below(2) {
        0 => format!("How many {to} are {count} {from}? Answer with the number only."),
        _ => format!("Convert {count} {from} to {to}. Answer with the number only."),
    };
    Draft {
        key: format!("{n} {large} and {small}"),
        prompt,
        scoring: Scoring::Number { answer: answer.into() },
        picture: None,
    }
}
