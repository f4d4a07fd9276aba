//! The letters of invented words, so that knowing the word does not help.

use super::{Draft, Rng};
use crate::score::Scoring;

const CONSONANTS: &[&str] = &["b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z"];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u"];

pub(super) fn draft(rng: &mut Rng) -> Draft {
    if rng.one_in(3) { backwards(rng) } else { forwards(rng) }
}

fn forwards(rng: &mut Rng) -> Draft {
    let syllables = rng.between(2, 3);
    let word = word(rng, syllables);
    let prompt = match rng.below(2) {
        0 => format!("Spell the word \"{word}\" with a hyphen between the letters."),
        _ => format!("Write the letters of \"{word}\" with a hyphen between them."),
    };
    let answer = word.chars().map(String::from).collect::<Vec<_>>().join("-");
    Draft { key: format!("spell {word}"), prompt, scoring: Scoring::Text { answer }, picture: None }
}

fn backwards(rng: &mut Rng) -> Draft {
    let word = word(rng, 2);
    let answer = word.chars().rev().map(String::from).collect::<Vec<_>>().join("-");
    let prompt = format!("Write the letters of \"{word}\" backwards with a hyphen between them.");
    Draft { key: format!("reverse {word}"), prompt, scoring: Scoring::Text { answer }, picture: None }
}

/// Consonant and vowel in turn, sometimes closed by a consonant: `tako`, `benulir`.
fn word(rng: &mut Rng, syllables: u32) -> String {
    let mut word: String = (0..syllables).map(|_| format!("{}{}", rng.pick(CONSONANTS), rng.pick(VOWELS))).collect();
    if rng.one_in(2) {
        word.push_str(rng.pick(CONSONANTS));
    }
    word
}
