//! Which shape is it?

use super::{Question, Rng, Scene, alone, one_of, shape_names, shape_of};

pub(super) fn ask(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    if let [mark] = &scene.marks[..]
        && rng.one_in(2)
    {
        let prompt = rng.pick(&["What shape is in the picture?", "Which shape do you see?"]);
        return Some(Question::word(prompt.to_owned(), shape_names(), shape_of(mark)?.name(), rng));
    }
    let mark = one_of(&alone(scene, |mark| mark.colour), rng)?;
    let colour = mark.colour.name();
    let prompt = match rng.below(2) {
        0 => format!("What shape is the {colour} object?"),
        _ => format!("Which shape is {colour}?"),
    };
    Some(Question::word(prompt, shape_names(), shape_of(mark)?.name(), rng))
}
