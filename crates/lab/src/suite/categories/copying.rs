//! Repeating words and numbers exactly.

use super::{Draft, Rng};
use crate::score::Scoring;
use crate::suite::words::WORDS;

pub(super) fn draft(rng: &mut Rng) -> Draft {
    let n = rng.between(3, 6);
    let text = (0..n).map(|_| element(rng)).collect::<Vec<_>>().join(" ");
    let prompt = match rng.below(3) {
        0 => format!("Repeat this text exactly: {text}"),
        1 => format!("Copy this text exactly: {text}"),
        _ => format!("Write this text again, with no change: {text}"),
    };
    Draft { key: text.clone(), prompt, scoring: Scoring::Text { answer: text }, picture: None }
}

fn element(rng: &mut Rng) -> String {
    if rng.one_in(3) { rng.between(0, 999).to_string() } else { rng.pick(WORDS).to_owned() }
}
