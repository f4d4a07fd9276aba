//! How often a word stands in a list, and how many words there are.

use super::{Draft, Rng};
use crate::score::Scoring;
use crate::suite::words::WORDS;

pub(super) fn draft(rng: &mut Rng) -> Draft {
    if rng.one_in(3) { length(rng) } else { occurrences(rng) }
}

fn occurrences(rng: &mut Rng) -> Draft {
    let target = rng.pick(WORDS);
    let (n_target, n_other) = (rng.between(1, 5), rng.between(1, 4));
    let mut list = vec![target; n_target as usize];
    while list.len() < (n_target + n_other) as usize {
        let other = rng.pick(WORDS);
        if other != target {
            list.push(other);
        }
    }
    rng.shuffle(&mut list);
    let list = list.join(" ");
    Draft {
        key: format!("{target} in {list}"),
        prompt: format!(
            "How many times does the word \"{target}\" appear in this list? {list}. Answer with the number only."
        ),
        scoring: Scoring::Number { answer: n_target.into() },
        picture: None,
    }
}

fn length(rng: &mut Rng) -> Draft {
    let n = rng.between(2, 8);
    let list = (0..n).map(|_| rng.pick(WORDS)).collect::<Vec<_>>().join(" ");
    Draft {
        prompt: format!("How many words are in this list? {list}. Answer with the number only."),
        key: list,
        scoring: Scoring::Number { answer: n.into() },
        picture: None,
    }
}
