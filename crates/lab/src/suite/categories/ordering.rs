//! Putting numbers or words in order.

use super::{Draft, Rng};
use crate::score::Scoring;
use crate::suite::words::WORDS;

pub(super) fn draft(rng: &mut Rng) -> Draft {
    if rng.one_in(2) { numbers(rng) } else { words(rng) }
}

fn numbers(rng: &mut Rng) -> Draft {
    let mut numbers = Vec::new();
    let n = if rng.one_in(3) { 4 } else { 3 };
    while numbers.len() < n {
        let candidate = rng.between(10, 99);
        if !numbers.contains(&candidate) {
            numbers.push(candidate);
        }
    }
    let shown = join(&numbers);
    numbers.sort_unstable();
    let (direction, answer) = if rng.one_in(3) {
        ("from largest to smallest", numbers.iter().rev().copied().collect())
    } else {
        ("from smallest to largest", numbers.clone())
    };
    Draft {
        key: format!("{} {direction}", join(&numbers)),
        prompt: format!("Sort these numbers {direction}: {shown}. Answer with the numbers only."),
        scoring: Scoring::List { answer: answer.iter().map(u32::to_string).collect() },
        picture: None,
    }
}

/// Words with different first letters, so that the order hangs on the alphabet and not on longer prefixes.
fn words(rng: &mut Rng) -> Draft {
    let mut words: Vec<&str> = Vec::new();
    while words.len() < 3 {
        let candidate = rng.pick(WORDS);
        if words.iter().all(|w| w.as_bytes()[0] != candidate.as_bytes()[0]) {
            words.push(candidate);
        }
    }
    let shown = join(&words);
    words.sort_unstable();
    Draft {
        key: join(&words),
        prompt: format!("Put these words in alphabetical order: {shown}. Answer with the words only."),
        scoring: Scoring::List { answer: words.iter().map(ToString::to_string).collect() },
        picture: None,
    }
}

fn join<T: ToString>(parts: &[T]) -> String {
    parts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
