//! How often a word stands in a list, and how many words there are.

use super::{Draft, Draws};
use crate::score::Scoring;
use crate::suite::words::WORDS;

pub(super) fn draft(draws: &mut Draws) -> Draft {
    if draws.one_in(3) { length(draws) } else { occurrences(draws) }
}

fn occurrences(draws: &mut Draws) -> Draft {
    let target = draws.pick(WORDS);
    let (n_target, n_other) = (draws.between(1, 5), draws.between(1, 4));
    let mut list = vec![target; n_target as usize];
    while list.len() < (n_target + n_other) as usize {
        let other = draws.pick(WORDS);
        if other != target {
            list.push(other);
        }
    }
    draws.shuffle(&mut list);
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

fn length(draws: &mut Draws) -> Draft {
    let n = draws.between(2, 8);
    let list = (0..n).map(|_| draws.pick(WORDS)).collect::<Vec<_>>().join(" ");
    Draft {
        prompt: format!("How many words are in this list? {list}. Answer with the number only."),
        key: list,
        scoring: Scoring::Number { answer: n.into() },
        picture: None,
    }
}
