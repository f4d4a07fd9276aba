//! Which of two numbers is larger, or smaller: marked by the likelihood of the two.

use super::{Draft, Rng};
use crate::score::Scoring;

pub(super) fn draft(rng: &mut Rng) -> Draft {
    // Both have the same number of digits, so neither option is likelier for being shorter.
    let (low, high) = if rng.one_in(2) { (10, 99) } else { (100, 999) };
    let first = rng.between(low, high);
    let second = loop {
        let candidate = rng.between(low, high);
        if candidate != first {
            break candidate;
        }
    };
    let (large, small) = (first.max(second), first.min(second));
    let (word, answer) = if rng.one_in(2) { ("larger", large) } else { ("smaller", small) };
    let prompt = match rng.below(2) {
        0 => format!("Which number is {word}, {first} or {second}? Answer with the number only."),
        _ => format!("Which is the {word} number: {first} or {second}? Answer with the number only."),
    };
    let options = vec![first.to_string(), second.to_string()];
    let answer = usize::from(answer == second);
    Draft {
        key: format!("{word} of {small}, {large}"),
        prompt,
        scoring: Scoring::Choice { options, answer },
        picture: None,
    }
}
