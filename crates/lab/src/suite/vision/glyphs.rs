//! Which letter, which digit is it?

use super::{Figure, Mark, Question, Rng, Scene, alone, colour_names, one_of};
use crate::score::Scoring;
use crate::suite::drawing::LETTERS;

pub(super) fn letter(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    ask(scene, "letter", char::is_alphabetic, rng)
}

pub(super) fn digit(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    ask(scene, "digit", char::is_numeric, rng)
}

/// Which glyph of the `kind` there is, or which colour one of them has.
fn ask(scene: &Scene, kind: &str, is_kind: fn(char) -> bool, rng: &mut Rng) -> Option<Question> {
    let of_kind = |mark: &&Mark| glyph_of(mark).is_some_and(is_kind);
    let all: Vec<&Mark> = scene.marks.iter().filter(of_kind).collect();
    if rng.one_in(5) {
        let mark = one_of(&all, rng)?;
        let prompt = format!("What colour is the {kind} {}?", glyph_of(mark)?);
        return Some(Question::word(prompt, colour_names(), mark.colour.name(), rng));
    }
    if let [mark] = all[..]
        && rng.one_in(2)
    {
        let prompt = match rng.below(2) {
            0 => format!("Which {kind} is in the picture?"),
            _ => format!("What {kind} do you see?"),
        };
        return read(prompt, mark, rng);
    }
    let mark = one_of(&alone(scene, |mark| mark.colour).into_iter().filter(of_kind).collect::<Vec<_>>(), rng)?;
    read(format!("Which {kind} is {}?", mark.colour.name()), mark, rng)
}

fn read(prompt: String, mark: &Mark, rng: &mut Rng) -> Option<Question> {
    let glyph = glyph_of(mark)?;
    if let Some(digit) = glyph.to_digit(10) {
        return Some(Question::number(prompt, digit, rng));
    }
    let prompt = super::terse(prompt, "Answer with the letter only.", rng);
    let names = LETTERS.chars().map(String::from).collect();
    Some(Question { prompt, scoring: Scoring::Named { names, answer: glyph.to_string() } })
}

fn glyph_of(mark: &Mark) -> Option<char> {
    match mark.figure {
        Figure::Glyph(glyph) => Some(glyph),
        Figure::Shape(_) => None,
    }
}
