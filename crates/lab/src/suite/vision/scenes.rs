//! Scenes drawn from a seed: what lies where, in which colour and size.

use crate::suite::Rng;
use crate::suite::drawing::{Colour, DIGITS, Figure, LETTERS, Mark, SIDE, Scene, Shape, stray};

/// Marks of a scene at most.
const MOST_SHAPES: u32 = 5;
const MOST_GLYPHS: u32 = 2;
/// Heights of shapes: up to this many marks they may be large, in pixels.
const FEW: u32 = 3;
const SHAPE_HEIGHT: (u32, u32) = (24, 56);
const SMALLER_SHAPE_HEIGHT: (u32, u32) = (24, 42);
/// Height of a glyph's cell, in pixels.
const CELL: (u32, u32) = (8, 11);
/// Space between marks, and between a mark and the border, in pixels.
const GAP: u32 = 3;
/// Places tried for a mark before the scene goes without it.
const PLACES: usize = 60;
/// The ground that has no name, since its English has two spellings.
const GREY: [u8; 3] = [175; 3];

/// One to five shapes.
pub(super) fn shapes(rng: &mut Rng) -> Scene {
    let mut scene = ground(rng);
    let n = rng.between(1, MOST_SHAPES);
    let (low, high) = if n <= FEW { SHAPE_HEIGHT } else { SMALLER_SHAPE_HEIGHT };
    for _ in 0..n {
        let shape = Shape::ALL[rng.below(Shape::ALL.len())];
        let height = rng.between(low, high);
        place(&mut scene, Figure::Shape(shape), height, rng);
    }
    scene
}

/// One or two large letters and digits, each another one.
pub(super) fn glyphs(rng: &mut Rng) -> Scene {
    let mut scene = ground(rng);
    for _ in 0..rng.between(1, MOST_GLYPHS) {
        let glyphs = if rng.one_in(2) { LETTERS } else { DIGITS };
        let glyph = char::from(glyphs.as_bytes()[rng.below(glyphs.len())]);
        let height = 7 * rng.between(CELL.0, CELL.1);
        if scene.marks.iter().all(|mark| mark.figure != Figure::Glyph(glyph)) {
            place(&mut scene, Figure::Glyph(glyph), height, rng);
        }
    }
    scene
}

fn ground(rng: &mut Rng) -> Scene {
    let (ground, usual) = match rng.below(3) {
        0 => (Some(Colour::White), Colour::White.usual()),
        1 => (Some(Colour::Black), Colour::Black.usual()),
        _ => (None, GREY),
    };
    Scene { ground, ground_rgb: stray(usual, rng), marks: Vec::new() }
}

/// Puts a figure of any colour but the ground's where it touches no other; nowhere if no such place is found.
fn place(scene: &mut Scene, figure: Figure, height: u32, rng: &mut Rng) {
    let colours: Vec<Colour> = Colour::ALL.into_iter().filter(|colour| scene.ground != Some(*colour)).collect();
    let colour = colours[rng.below(colours.len())];
    let rgb = colour.shade(rng);
    for _ in 0..PLACES {
        let left = rng.between(GAP, SIDE - GAP - figure.width(height));
        let top = rng.between(GAP, SIDE - GAP - height);
        let mark = Mark { figure, colour, rgb, left, top, height };
        if scene.marks.iter().all(|other| apart(&mark, other)) {
            scene.marks.push(mark);
            return;
        }
    }
}

/// Whether there is a gap between the boxes of two marks.
fn apart(a: &Mark, b: &Mark) -> bool {
    let beside = |a: &Mark, b: &Mark| a.left + a.width() + GAP <= b.left;
    let above = |a: &Mark, b: &Mark| a.top + a.height + GAP <= b.top;
    beside(a, b) || beside(b, a) || above(a, b) || above(b, a)
}
