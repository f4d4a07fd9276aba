//! Repeating words and numbers exactly.

use super::{Draft, Draws};
use crate::score::Scoring;
use crate::suite::words::WORDS;

pub(super) fn draft(draws: &mut Draws) -> Draft {
    let n = draws.between(3, 6);
    let text = (0..n).map(|_| element(draws)).collect::<Vec<_>>().join(" ");
    let prompt = match draws.below(3) {
        0 => format!("Repeat this text exactly: {text}"),
        1 => format!("Copy this text exactly: {text}"),
        _ => format!("Write this text again, with no change: {text}"),
    };
    Draft { key: text.clone(), prompt, scoring: Scoring::Text { answer: text }, picture: None }
}

fn element(draws: &mut Draws) -> String {
    if draws.one_in(3) { draws.between(0, 999).to_string() } else { draws.pick(WORDS).to_owned() }
}
