//! Facts that everybody knows, held here, asked with three wrong options of the same kind.
//!
//! The facts are few, so a fact cannot be unseen; a question is a fact with its three wrong options, and those
//! sets are many.

use super::{Draft, Rng};
use crate::score::Scoring;

/// A question with `{}` for its subject, and pairs of subject and answer. No subject of a kind may be answered by
/// another pair's answer.
struct Kind {
    question: &'static str,
    facts: &'static [(&'static str, &'static str)],
}

const KINDS: &[Kind] = &[
    Kind {
        question: "What is the opposite of {}?",
        facts: &[
            ("hot", "cold"),
            ("big", "small"),
            ("day", "night"),
            ("up", "down"),
            ("left", "right"),
            ("open", "closed"),
            ("fast", "slow"),
            ("happy", "sad"),
            ("wet", "dry"),
            ("full", "empty"),
            ("early", "late"),
            ("black", "white"),
            ("hard", "soft"),
            ("high", "low"),
            ("long", "short"),
            ("old", "young"),
            ("rich", "poor"),
            ("strong", "weak"),
            ("thick", "thin"),
            ("near", "far"),
        ],
    },
    Kind {
        question: "Which animal makes this sound: {}?",
        facts: &[
            ("woof", "dog"),
            ("meow", "cat"),
            ("moo", "cow"),
            ("oink", "pig"),
            ("quack", "duck"),
            ("neigh", "horse"),
            ("roar", "lion"),
            ("buzz", "bee"),
            ("hoot", "owl"),
            ("hiss", "snake"),
            ("croak", "frog"),
            ("baa", "sheep"),
        ],
    },
    Kind {
        question: "What is the usual colour of {}?",
        facts: &[
            ("grass", "green"),
            ("snow", "white"),
            ("coal", "black"),
            ("blood", "red"),
            ("a clear sky", "blue"),
            ("a ripe lemon", "yellow"),
            ("chocolate", "brown"),
            ("a carrot", "orange"),
            ("a flamingo", "pink"),
            ("an elephant", "grey"),
        ],
    },
    Kind {
        question: "What is the capital of {}?",
        facts: &[
            ("France", "Paris"),
            ("Italy", "Rome"),
            ("Spain", "Madrid"),
            ("Germany", "Berlin"),
            ("Japan", "Tokyo"),
            ("China", "Beijing"),
            ("Egypt", "Cairo"),
            ("Greece", "Athens"),
            ("Russia", "Moscow"),
            ("Austria", "Vienna"),
            ("Portugal", "Lisbon"),
            ("Norway", "Oslo"),
            ("Cuba", "Havana"),
            ("Peru", "Lima"),
            ("Kenya", "Nairobi"),
            ("Ireland", "Dublin"),
        ],
    },
    Kind {
        question: "What is a young {} called?",
        facts: &[
            ("dog", "puppy"),
            ("cat", "kitten"),
            ("cow", "calf"),
            ("sheep", "lamb"),
            ("horse", "foal"),
            ("hen", "chick"),
            ("frog", "tadpole"),
            ("bear", "cub"),
            ("duck", "duckling"),
            ("kangaroo", "joey"),
        ],
    },
    Kind {
        question: "How many legs or wheels does a {} have?",
        facts: &[("bicycle", "two"), ("tricycle", "three"), ("dog", "four"), ("ant", "six"), ("spider", "eight")],
    },
];

pub(super) fn draft(rng: &mut Rng) -> Draft {
    let n_facts: usize = KINDS.iter().map(|kind| kind.facts.len()).sum();
    let mut index = rng.below(n_facts);
    let kind = KINDS
        .iter()
        .find(|kind| {
            let here = index < kind.facts.len();
            if !here {
                index -= kind.facts.len();
            }
            here
        })
        .expect("the index is below the number of facts");
    let (subject, right) = kind.facts[index];
    let wrong: Vec<&str> = kind.facts.iter().map(|(_, answer)| *answer).filter(|answer| *answer != right).collect();
    let mut options = rng.distinct(&wrong, 3);
    options.push(right);
    options.sort_unstable();
    let question = kind.question.replace("{}", subject);
    let key = format!("{question} {}", options.join(", "));
    rng.shuffle(&mut options);
    let answer = options.iter().position(|option| *option == right).expect("the right option was put in");
    let shown = options.join(", ");
    let prompt = match rng.below(2) {
        0 => format!("{question} Choose one: {shown}. Answer with the choice only."),
        _ => format!("{question} Is it {shown}? Answer with the choice only."),
    };
    let options = options.into_iter().map(str::to_owned).collect();
    Draft { key, prompt, scoring: Scoring::Choice { options, answer }, picture: None }
}
