//! How many are there?

use super::{Colour, Mark, Question, Rng, Scene, Shape, shape_of};

/// One question in so many is about a shape or colour drawn from all, of which there may be none.
const BLIND_ONE_IN: usize = 5;

pub(super) fn ask(scene: &Scene, rng: &mut Rng) -> Option<Question> {
    let seen = &scene.marks[rng.below(scene.marks.len())];
    let blind = rng.one_in(BLIND_ONE_IN);
    let count = |property: &dyn Fn(&Mark) -> bool| scene.marks.iter().filter(|mark| property(mark)).count() as u32;
    let (what, answer) = match rng.below(4) {
        0 => {
            let shape = if blind { Shape::ALL[rng.below(Shape::ALL.len())] } else { shape_of(seen)? };
            (shape.plural().to_owned(), count(&|mark| shape_of(mark) == Some(shape)))
        }
        1 => {
            let colour = if blind { Colour::ALL[rng.below(Colour::ALL.len())] } else { seen.colour };
            (format!("{} objects", colour.name()), count(&|mark| mark.colour == colour))
        }
        2 => ("objects".to_owned(), count(&|_| true)),
        _ => ("shapes".to_owned(), count(&|_| true)),
    };
    if answer == 1 && !rng.one_in(3) {
        return None; // else a blind "1" would be right too often
    }
    let prompt = match rng.below(2) {
        0 => format!("How many {what} are there?"),
        _ => format!("How many {what} are in the picture?"),
    };
    Some(Question::number(prompt, answer, rng))
}
