//! Where is it, beside what?

use super::{Mark, Question, Rng, Scene, description, shape_names, shape_of};

/// How far two middles must lie apart to be asked about, in half pixels.
const CLEAR: u32 = 32;

pub(super) fn ask(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    if scene.marks.len() < 2 {
        return None;
    }
    if rng.one_in(2) { beside(scene, rng) } else { outermost(scene, rng) }
}

/// On which side of one shape another lies.
fn beside(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    let first = rng.below(scene.marks.len());
    let second = (first + 1 + rng.below(scene.marks.len() - 1)) % scene.marks.len();
    let (a, b) = (&scene.marks[first], &scene.marks[second]);
    let (name_a, name_b) = (description(scene, a, rng)?, description(scene, b, rng)?);
    let across = rng.one_in(2);
    let (at_a, at_b) = (along(a, across), along(b, across));
    if at_a.abs_diff(at_b) < CLEAR {
        return None;
    }
    let (near, far, prompt) = if across {
        ("left", "right", format!("Is the {name_a} left or right of the {name_b}?"))
    } else {
        ("above", "below", format!("Is the {name_a} above or below the {name_b}?"))
    };
    Some(Question::word(prompt, [near, far], if at_a < at_b { near } else { far }, rng))
}

/// Which shape is furthest to one side.
fn outermost(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    let (across, least) = (rng.one_in(2), rng.one_in(2));
    let mut marks: Vec<&Mark> = scene.marks.iter().collect();
    marks.sort_by_key(|mark| along(mark, across));
    if !least {
        marks.reverse();
    }
    if along(marks[0], across).abs_diff(along(marks[1], across)) < CLEAR {
        return None;
    }
    let end = match (across, least) {
        (true, true) => "furthest to the left",
        (true, false) => "furthest to the right",
        (false, true) => "nearest to the top",
        (false, false) => "nearest to the bottom",
    };
    Some(Question::word(format!("Which shape is {end}?"), shape_names(), shape_of(marks[0])?.name(), rng))
}

/// The middle of a mark, from the left or from the top, in half pixels.
fn along(mark: &Mark, across: bool) -> u32 {
    let (x, y) = mark.centre();
    if across { x } else { y }
}
