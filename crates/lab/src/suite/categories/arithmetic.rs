//! Sums and differences of numbers below 100 and products with a one-digit factor.

use super::{Draft, Rng};
use crate::score::Scoring;

pub(super) fn draft(rng: &mut Rng) -> Draft {
    let (key, question, result) = match rng.below(5) {
        0 | 1 => sum(rng),
        2 | 3 => difference(rng),
        _ => product(rng),
    };
    let prompt = match rng.below(2) {
        0 => format!("What is {question}? Answer with the number only."),
        _ => format!("Calculate {question}. Answer with the number only."),
    };
    Draft { key, prompt, scoring: Scoring::Number { answer: result.into() }, picture: None }
}

fn sum(rng: &mut Rng) -> (String, String, u32) {
    let (a, b) = (rng.between(2, 60), rng.between(2, 60));
    (format!("{} + {}", a.min(b), a.max(b)), format!("{a} + {b}"), a + b)
}

fn difference(rng: &mut Rng) -> (String, String, u32) {
    let (a, b) = (rng.between(2, 60), rng.between(2, 60));
    let (large, small) = (a.max(b), a.min(b));
    (format!("{large} - {small}"), format!("{large} - {small}"), large - small)
}

fn product(rng: &mut Rng) -> (String, String, u32) {
    // Factors for which long multiplication stays short: the products of the times table alone are too few to
    // hold any back from training.
    let (a, b) = (rng.between(11, 60), rng.between(2, 5));
    let question = if rng.one_in(2) { format!("{a} × {b}") } else { format!("{b} × {a}") };
    (format!("{a} × {b}"), question, a * b)
}
