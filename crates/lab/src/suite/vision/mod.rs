//! Questions about drawn pictures. A scene is drawn from the seed; each category asks what the scene itself answers.
//!
//! What is held out is the picture: one scene in ten, by its hash, is reserved for suites, and no training question of
//! any category is about a reserved one.

mod colours;
mod counts;
mod glyphs;
mod positions;
mod scenes;
mod shapes;
mod sizes;

use super::categories::{Category, Draft};
use super::drawing::{Colour, Figure, Mark, Scene, Shape};
use super::{Item, Rng, hash, is_reserved, item};
use crate::score::Scoring;

/// Every category about pictures, in the order of reports.
pub const VISION_CATEGORIES: [Category; 7] = [
    Category {
        id: "shapes",
        about: "naming a shape",
        pictures: true,
        chance: 0.2,
        draft: |d| draft(d, scenes::shapes, shapes::ask),
    },
    Category {
        id: "colours",
        about: "naming a colour",
        pictures: true,
        chance: 0.15,
        draft: |d| draft(d, scenes::shapes, colours::ask),
    },
    Category {
        id: "counts",
        about: "counting shapes",
        pictures: true,
        chance: 0.28,
        draft: |d| draft(d, scenes::shapes, counts::ask),
    },
    Category {
        id: "positions",
        about: "left, right, above, below",
        pictures: true,
        chance: 0.37,
        draft: |d| draft(d, scenes::shapes, positions::ask),
    },
    Category {
        id: "sizes",
        about: "the bigger, the biggest, the smallest",
        pictures: true,
        chance: 0.28,
        draft: |d| draft(d, scenes::shapes, sizes::ask),
    },
    Category {
        id: "letters",
        about: "reading a large letter",
        pictures: true,
        chance: 0.065,
        draft: |d| draft(d, scenes::glyphs, glyphs::letter),
    },
    Category {
        id: "digits",
        about: "reading a large digit",
        pictures: true,
        chance: 0.085,
        draft: |d| draft(d, scenes::glyphs, glyphs::digit),
    },
];

/// Scenes drawn in a row that a category has no question about before something is wrong with the category.
const PATIENCE: usize = 1_000;
/// Draws of a question about one training picture; those that come twice are asked once.
const QUESTIONS_PER_PICTURE: usize = 12;

/// A question about a scene, with its right answer; none if the scene has no clear answer to what was drawn.
type Ask = fn(&Scene, &mut Rng) -> Option<Question>;

/// What is asked about a scene.
struct Question {
    prompt: String,
    scoring: Scoring,
}

impl Question {
    /// An answer out of a closed set of words. In one case of two the prompt asks for brevity.
    fn word(prompt: String, names: impl IntoIterator<Item = &'static str>, answer: &str, rng: &mut Rng) -> Self {
        let names = names.into_iter().map(str::to_owned).collect();
        let scoring = Scoring::Named { names, answer: answer.to_owned() };
        Question { prompt: terse(prompt, "Answer with one word.", rng), scoring }
    }

    /// An answer that is a whole number.
    fn number(prompt: String, answer: u32, rng: &mut Rng) -> Self {
        let prompt = terse(prompt, "Answer with the number only.", rng);
        Question { prompt, scoring: Scoring::Number { answer: answer.into() } }
    }
}

fn terse(prompt: String, plea: &str, rng: &mut Rng) -> String {
    if rng.one_in(2) { format!("{prompt} {plea}") } else { prompt }
}

/// Draws scenes until one has an answer to what `ask` draws.
fn draft(rng: &mut Rng, scene: fn(&mut Rng) -> Scene, ask: Ask) -> Draft {
    for _ in 0..PATIENCE {
        let scene = scene(rng);
        if let Some(question) = ask(&scene, rng) {
            return about(scene, question);
        }
    }
    unreachable!("one scene in {PATIENCE} answers a question of every category")
}

fn about(scene: Scene, question: Question) -> Draft {
    let Question { prompt, scoring } = question;
    Draft { key: hash::canonical_json(&scene), prompt, scoring, picture: Some(scene) }
}

/// What there is from left to right: no category of a suite, but the question that teaches most of a picture.
fn description_of_all(scene: &Scene) -> Question {
    let mut marks: Vec<&Mark> = scene.marks.iter().collect();
    marks.sort_by_key(|mark| mark.centre().0);
    let name = |mark: &&Mark| match mark.figure {
        Figure::Shape(shape) => format!("{} {}", mark.colour.name(), shape.name()),
        Figure::Glyph(glyph) => format!("{} {glyph}", mark.colour.name()),
    };
    let answer = marks.iter().map(name).collect::<Vec<_>>().join(", ");
    Question { prompt: "What is in the picture, from left to right?".to_owned(), scoring: Scoring::Text { answer } }
}

/// An endless stream of pictures that no suite will ever hold, each with several questions of different categories and
/// a description.
pub fn training_pictures(seed: u64) -> impl Iterator<Item = (Scene, Vec<Item>)> {
    let mut rng = Rng::new(seed, hash::sha256_u64(b"training pictures"));
    std::iter::repeat_with(move || {
        let letters_or_digits = rng.one_in(2);
        let scene = if letters_or_digits { scenes::glyphs(&mut rng) } else { scenes::shapes(&mut rng) };
        let asks: &[(&'static str, Ask)] = if letters_or_digits {
            &[("letters", glyphs::letter), ("digits", glyphs::digit)]
        } else {
            &[
                ("shapes", shapes::ask),
                ("colours", colours::ask),
                ("counts", counts::ask),
                ("positions", positions::ask),
                ("sizes", sizes::ask),
            ]
        };
        let mut items = vec![item("descriptions", about(scene.clone(), description_of_all(&scene)))];
        for i in 0..QUESTIONS_PER_PICTURE {
            let (category, ask) = asks[i % asks.len()];
            if let Some(question) = ask(&scene, &mut rng)
                && items.iter().all(|item| item.prompt != question.prompt)
            {
                items.push(item(category, about(scene.clone(), question)));
            }
        }
        (scene, items)
    })
    .filter(|(scene, _)| !is_reserved(super::PICTURES, &hash::canonical_json(scene)))
}

/// One large red disc: what every model that sees can tell from line noise.
pub(super) fn canary_scene() -> Scene {
    let red = Colour::Red;
    let disc =
        Mark { figure: Figure::Shape(Shape::Circle), colour: red, rgb: red.usual(), left: 36, top: 36, height: 56 };
    Scene { ground: Some(Colour::White), ground_rgb: [255; 3], marks: vec![disc] }
}

/// The shape of a mark; none for letters and digits.
fn shape_of(mark: &Mark) -> Option<Shape> {
    match mark.figure {
        Figure::Shape(shape) => Some(shape),
        Figure::Glyph(_) => None,
    }
}

fn shape_names() -> impl Iterator<Item = &'static str> {
    Shape::ALL.into_iter().map(Shape::name)
}

fn colour_names() -> impl Iterator<Item = &'static str> {
    Colour::ALL.into_iter().map(Colour::name)
}

/// The marks of `scene` that alone have their `property`.
fn alone<T: PartialEq>(scene: &Scene, property: impl Fn(&Mark) -> T) -> Vec<&Mark> {
    let others = |mark: &Mark| scene.marks.iter().filter(|other| property(other) == property(mark)).count();
    scene.marks.iter().filter(|mark| others(mark) == 1).collect()
}

/// A description that fits no other shape of the scene, `star` or `red star`; none if there is none.
fn description(scene: &Scene, mark: &Mark, rng: &mut Rng) -> Option<String> {
    let shape = shape_of(mark)?.name();
    let with_colour = format!("{} {shape}", mark.colour.name());
    let by_shape = alone(scene, |m| m.figure).contains(&mark);
    let by_both = alone(scene, |m| (m.figure, m.colour)).contains(&mark);
    match (by_shape, by_both) {
        (true, _) => Some(if rng.one_in(2) { shape.to_owned() } else { with_colour }),
        (false, true) => Some(with_colour),
        (false, false) => None,
    }
}

/// One of the marks, none of none.
fn one_of<'a>(marks: &[&'a Mark], rng: &mut Rng) -> Option<&'a Mark> {
    (!marks.is_empty()).then(|| marks[rng.below(marks.len())])
}

#[cfg(test)]
mod tests;
