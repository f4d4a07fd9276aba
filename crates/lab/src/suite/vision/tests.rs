//! A reader of the pixels alone must find every answer.

use std::collections::{BTreeMap, HashSet};

use super::{VISION_CATEGORIES, canary_scene, training_pictures};
use crate::score::Scoring;
use crate::suite::drawing::{Colour, SIDE};
use crate::suite::{DEFAULT_ITEMS, DEFAULT_SEED, Suite, VISION, training_items};

/// A pixel this near to the ground belongs to it.
const FAINT: u32 = 30;

/// What the pixels show of one mark.
#[derive(Debug)]
struct Seen {
    colour: &'static str,
    /// The shape's name; of a letter or digit something that no question asks for.
    shape: &'static str,
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    /// Pixels that it covers.
    ink: usize,
}

impl Seen {
    fn centre(&self, across: bool) -> usize {
        if across { self.left + self.right } else { self.top + self.bottom }
    }
}

/// Every connected area of `pixels` that differs from the ground, which is what the corner shows.
fn look(pixels: &[u8]) -> Vec<Seen> {
    let side = SIDE as usize;
    let inked: Vec<bool> = pixels.chunks(3).map(|pixel| distance(pixel, &pixels[..3]) > FAINT).collect();
    let mut met = vec![false; inked.len()];
    let mut seen = Vec::new();
    for start in 0..inked.len() {
        if !inked[start] || met[start] {
            continue;
        }
        met[start] = true;
        let (mut area, mut next) = (vec![start], 0);
        while next < area.len() {
            let (x, y) = (area[next] % side, area[next] / side);
            for near in (y - 1..=y + 1).flat_map(|y| (x - 1..=x + 1).map(move |x| y * side + x)) {
                if inked[near] && !met[near] {
                    met[near] = true;
                    area.push(near);
                }
            }
            next += 1;
        }
        seen.push(describe(pixels, &area));
    }
    seen
}

/// What a connected area is: its colour is that of most pixels, its form that of the pixels which are at least half
/// covered.
fn describe(pixels: &[u8], area: &[usize]) -> Seen {
    let side = SIDE as usize;
    let pixel = |at: usize| &pixels[3 * at..3 * at + 3];
    let mut tally: BTreeMap<&[u8], usize> = BTreeMap::new();
    for at in area {
        *tally.entry(pixel(*at)).or_default() += 1;
    }
    let ink = tally.into_iter().max_by_key(|(_, n)| *n).unwrap().0;
    let half_covered = |at: &usize| distance(pixel(*at), ink) <= distance(pixel(*at), &pixels[..3]);
    let area: HashSet<usize> = area.iter().copied().filter(half_covered).collect();
    let (left, right) =
        (area.iter().map(|at| at % side).min().unwrap(), area.iter().map(|at| at % side).max().unwrap());
    let (top, bottom) = (area.iter().min().unwrap() / side, area.iter().max().unwrap() / side);
    let width = right + 1 - left;
    let full = 1000 * area.len() / (width * (bottom + 1 - top));
    let in_row = |y: usize| (left..=right).filter(|x| area.contains(&(y * side + x))).count();
    let shape = match full {
        950.. => "square",
        700.. => "circle",
        _ if 10 * in_row(bottom) >= 9 * width => "triangle",
        _ if 4 * in_row(top) >= width => "cross",
        _ => "star",
    };
    Seen { colour: nearest_colour(ink), shape, left, right, top, bottom, ink: area.len() }
}

/// How far two colours lie apart, summed over their channels.
fn distance(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b))).sum()
}

fn nearest_colour(rgb: &[u8]) -> &'static str {
    Colour::ALL.into_iter().min_by_key(|colour| distance(&colour.usual(), rgb)).unwrap().name()
}

/// The one thing that fits a description such as `star`, `red star` or `red object`.
fn the<'a>(seen: &'a [Seen], description: &str) -> &'a Seen {
    let words: Vec<&str> = description.split(' ').collect();
    let fits = |s: &&Seen| words.iter().all(|word| [s.colour, s.shape, "object", "shape"].contains(word));
    let fitting: Vec<&Seen> = seen.iter().filter(fits).collect();
    assert_eq!(fitting.len(), 1, "`{description}` in {seen:?}");
    fitting[0]
}

/// The text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(middle, _)| middle)
}

/// The answer that the pixels give; none for questions about letters and digits.
fn answer(prompt: &str, pixels: &[u8]) -> Option<String> {
    let seen = &look(pixels)[..];
    let question = prompt.split_once('?')?.0;
    let outermost = |across: bool, last: bool| {
        let sorted = |s: &&Seen| s.centre(across);
        if last { seen.iter().max_by_key(sorted) } else { seen.iter().min_by_key(sorted) }
    };
    let by_ink = |big: bool| if big { seen.iter().max_by_key(|s| s.ink) } else { seen.iter().min_by_key(|s| s.ink) };
    let answer = match question {
        "What colour is the background" => nearest_colour(&pixels[..3]),
        "What shape is in the picture" | "Which shape do you see" => the(seen, "object").shape,
        "Which shape is furthest to the left" => outermost(true, false)?.shape,
        "Which shape is furthest to the right" => outermost(true, true)?.shape,
        "Which shape is nearest to the top" => outermost(false, false)?.shape,
        "Which shape is nearest to the bottom" => outermost(false, true)?.shape,
        "Which shape is the biggest" => by_ink(true)?.shape,
        "Which shape is the smallest" => by_ink(false)?.shape,
        "What colour is the biggest shape" => by_ink(true)?.colour,
        "What colour is the smallest shape" => by_ink(false)?.colour,
        _ => return described(prompt, question, seen),
    };
    Some(answer.to_owned())
}

/// Answers to questions that describe what they are about.
fn described(prompt: &str, question: &str, seen: &[Seen]) -> Option<String> {
    if let Some(what) = between(question, "How many ", " are ") {
        let singular = ["circle", "square", "triangle", "star", "cross"].into_iter().find(|s| what.starts_with(s));
        let colour = what.split_once(" objects").map(|(colour, _)| colour);
        let fits =
            |s: &&Seen| singular.is_none_or(|name| s.shape == name) && colour.is_none_or(|name| s.colour == name);
        return Some(seen.iter().filter(fits).count().to_string());
    }
    for (words, across, [near, far]) in
        [(" left or right of the ", true, ["left", "right"]), (" above or below the ", false, ["above", "below"])]
    {
        if let Some((first, second)) = question.split_once(words) {
            let (a, b) = (the(seen, first.strip_prefix("Is the ")?), the(seen, second));
            return Some(if a.centre(across) < b.centre(across) { near } else { far }.to_owned());
        }
    }
    for (word, big) in [("bigger", true), ("smaller", false)] {
        if let Some(pair) = question.strip_prefix(&format!("Which is {word}, the ")) {
            let (a, b) = pair.split_once(" or the ")?;
            let (a, b) = (the(seen, a), the(seen, b));
            return Some(if (a.ink > b.ink) == big { a.shape } else { b.shape }.to_owned());
        }
    }
    let spoken = prompt.replace(" have?", "?");
    let end = |before: &str| between(&spoken, before, "?").map(str::to_owned);
    if let Some(what) = end("What shape is the ") {
        return Some(the(seen, &what).shape.to_owned());
    }
    if let Some(colour) = end("Which shape is ") {
        return Some(the(seen, &format!("{colour} object")).shape.to_owned());
    }
    let what = end("What colour is the ").or(between(&spoken, "Which colour does the ", "?").map(str::to_owned))?;
    Some(the(seen, &what).colour.to_owned())
}

#[test]
fn the_pixels_alone_give_every_answer_about_shapes() {
    let mut answered = 0;
    for category in VISION_CATEGORIES.iter().filter(|category| !["letters", "digits"].contains(&category.id)) {
        let items = Suite::builtin(category.id, 11, 60).unwrap().items;
        for item in items {
            let pixels = item.picture.as_ref().unwrap().rgb8();
            assert_eq!(answer(&item.prompt, &pixels), Some(item.scoring.reference()), "{}: {item:?}", item.prompt);
            answered += 1;
        }
    }
    assert_eq!(answered, 300);
}

#[test]
fn a_letter_or_digit_has_the_colour_and_place_that_its_question_says() {
    for name in ["letters", "digits"] {
        for item in Suite::builtin(name, 11, 60).unwrap().items {
            let scene = item.picture.unwrap();
            let seen = look(&scene.rgb8());
            assert_eq!(seen.len(), scene.marks.len(), "{}", item.prompt);
            for mark in &scene.marks {
                let found = seen
                    .iter()
                    .find(|s| s.left.abs_diff(mark.left as usize) <= 3 && s.top.abs_diff(mark.top as usize) <= 3);
                assert_eq!(found.map(|s| s.colour), Some(mark.colour.name()), "{scene:?}");
            }
        }
    }
}

#[test]
fn a_colour_keeps_its_name_in_every_shade() {
    for (scene, _) in training_pictures(4).take(2_000) {
        for mark in &scene.marks {
            assert_eq!(nearest_colour(&mark.rgb), mark.colour.name());
        }
    }
}

#[test]
fn every_answer_of_a_kind_occurs() {
    for category in &VISION_CATEGORIES {
        let items = Suite::builtin(category.id, 5, 300).unwrap().items;
        let mut answers: BTreeMap<String, usize> = BTreeMap::new();
        for item in &items {
            *answers.entry(item.scoring.reference()).or_default() += 1;
        }
        let most = answers.values().max().unwrap();
        assert!(3 * most <= items.len() + 30, "{}: one answer is right too often: {answers:?}", category.id);
    }
}

#[test]
fn training_never_shows_a_picture_of_any_suite() {
    let suites: HashSet<Vec<u8>> = (0..3)
        .flat_map(|seed| Suite::builtin(VISION, seed, 20).unwrap().items)
        .map(|item| item.picture.unwrap().rgb8())
        .collect();
    let met =
        (0..3).flat_map(|seed| training_pictures(seed).take(400)).find(|(scene, _)| suites.contains(&scene.rgb8()));
    assert_eq!(met, None);
    // The stream that a suite of the same seed and category draws from, the worst case.
    for category in &VISION_CATEGORIES {
        let suite = Suite::builtin(category.id, 1, 30).unwrap();
        let pictures: Vec<_> = suite.items.into_iter().map(|item| item.picture).collect();
        assert!(training_items(category, 1).take(600).all(|item| !pictures.contains(&item.picture)), "{}", category.id);
    }
}

#[test]
fn the_default_vision_suite_is_the_one_that_published_scores_were_made_on() {
    let suite = Suite::builtin(VISION, DEFAULT_SEED, DEFAULT_ITEMS).unwrap();
    assert_eq!(suite.items.len(), VISION_CATEGORIES.len() * DEFAULT_ITEMS);
    let ids: HashSet<&str> = suite.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids.len(), suite.items.len());
    assert_eq!(suite.id(), "e127b660f0791dbf51e2ebb1ed86afb9233d06d5a7b5a1f0ea2275f483531928");
}

#[test]
fn marking_takes_every_right_answer_and_no_spoiled_one() {
    let suite = Suite::builtin(VISION, DEFAULT_SEED, DEFAULT_ITEMS).unwrap();
    for item in suite.items.iter().chain([&suite.canary]) {
        assert!(item.scoring.mark(&item.scoring.reference()), "{item:?}");
        assert!(!item.scoring.mark(&item.scoring.spoiled()), "{item:?}");
    }
    assert_eq!(suite.canary.picture, Some(canary_scene()));
    assert!(matches!(suite.canary.scoring, Scoring::Choice { .. }));
}
