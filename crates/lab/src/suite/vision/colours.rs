//! Which colour is it?

use super::{Question, Rng, Scene, alone, colour_names, one_of, shape_of};

pub(super) fn ask(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    if let Some(ground) = scene.ground
        && rng.one_in(5)
    {
        let prompt = "What colour is the background?".to_owned();
        return Some(Question::word(prompt, colour_names(), ground.name(), rng));
    }
    let mark = one_of(&alone(scene, |mark| mark.figure), rng)?;
    let shape = shape_of(mark)?.name();
    let prompt = match rng.below(2) {
        0 => format!("What colour is the {shape}?"),
        _ => format!("Which colour does the {shape} have?"),
    };
    Some(Question::word(prompt, colour_names(), mark.colour.name(), rng))
}
