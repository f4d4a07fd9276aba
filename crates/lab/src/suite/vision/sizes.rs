//! Which is bigger?

use super::{Mark, Question, Rng, Scene, alone, colour_names, shape_names, shape_of};

/// A shape is clearly bigger when it is higher by half and covers half as much again.
fn clearly_bigger(a: &Mark, b: &Mark) -> bool {
    2 * a.height >= 3 * b.height && 2 * a.area() >= 3 * b.area()
}

pub(super) fn ask(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    if scene.marks.len() < 2 {
        return None;
    }
    if rng.one_in(3) { of_two(scene, rng) } else { of_all(scene, rng) }
}

/// The bigger or smaller of two shapes that have their names to themselves.
fn of_two(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    let mut candidates = alone(scene, |mark| mark.figure);
    rng.shuffle(&mut candidates);
    let [a, b] = *candidates.get(..2)? else { return None };
    let bigger = rng.one_in(2);
    let (large, small) = match (clearly_bigger(a, b), clearly_bigger(b, a)) {
        (true, _) => (a, b),
        (_, true) => (b, a),
        _ => return None,
    };
    let (name_a, name_b) = (shape_of(a)?.name(), shape_of(b)?.name());
    let word = if bigger { "bigger" } else { "smaller" };
    // A sentence would name both: the last one named would say nothing.
    let prompt = format!("Which is {word}, the {name_a} or the {name_b}? Answer with one word.");
    let answer = shape_of(if bigger { large } else { small })?.name().to_owned();
    let scoring = crate::score::Scoring::Named { names: vec![name_a.to_owned(), name_b.to_owned()], answer };
    Some(Question { prompt, scoring })
}

/// The biggest or smallest of all, by its shape or its colour.
fn of_all(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    let biggest = rng.one_in(2);
    let stands_out = |mark: &&Mark| {
        let others = scene.marks.iter().filter(|other| other != mark);
        others.into_iter().all(|other| if biggest { clearly_bigger(mark, other) } else { clearly_bigger(other, mark) })
    };
    let mark = scene.marks.iter().find(stands_out)?;
    let word = if biggest { "biggest" } else { "smallest" };
    Some(match rng.below(2) {
        0 => Question::word(format!("Which shape is the {word}?"), shape_names(), shape_of(mark)?.name(), rng),
        _ => Question::word(format!("What colour is the {word} shape?"), colour_names(), mark.colour.name(), rng),
    })
}
