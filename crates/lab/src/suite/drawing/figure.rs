//! What a mark shows, and which points of its box belong to it.

use serde::{Deserialize, Serialize};

use super::font;

/// Ten corners of a star with five points, inner radius half the outer one, in thousandths of its box.
const STAR: [(i64, i64); 10] = [
    (500, 0),
    (655, 313),
    (1000, 363),
    (750, 607),
    (809, 951),
    (500, 789),
    (191, 951),
    (250, 607),
    (0, 363),
    (345, 313),
];

/// A flat shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// A disc.
    Circle,
    /// A square standing on its side.
    Square,
    /// A triangle with its tip at the top.
    Triangle,
    /// A star with five points, one at the top.
    Star,
    /// An upright cross with four arms of one length, a third of its box wide.
    Cross,
}

impl Shape {
    /// Every shape.
    pub const ALL: [Shape; 5] = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Star, Shape::Cross];

    /// Its English name.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Circle => "circle",
            Shape::Square => "square",
            Shape::Triangle => "triangle",
            Shape::Star => "star",
            Shape::Cross => "cross",
        }
    }

    /// Its name for several of them.
    pub fn plural(self) -> &'static str {
        match self {
            Shape::Circle => "circles",
            Shape::Square => "squares",
            Shape::Triangle => "triangles",
            Shape::Star => "stars",
            Shape::Cross => "crosses",
        }
    }
}

/// What a mark shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Figure {
    /// A flat shape.
    Shape(Shape),
    /// A capital letter or a digit of the built-in font.
    Glyph(char),
}

impl Figure {
    /// Width of a box of this height: shapes are as wide as high, glyphs narrower.
    pub fn width(self, height: u32) -> u32 {
        match self {
            Figure::Shape(_) => height,
            Figure::Glyph(_) => height * font::COLUMNS / font::ROWS,
        }
    }

    /// How much of its box it covers, in thousandths.
    pub(crate) fn fullness(self) -> u32 {
        match self {
            Figure::Shape(Shape::Circle) => 785,
            Figure::Shape(Shape::Square) => 1000,
            Figure::Shape(Shape::Triangle) => 500,
            Figure::Shape(Shape::Star) => 412,
            Figure::Shape(Shape::Cross) => 556,
            Figure::Glyph(glyph) => font::fullness(glyph),
        }
    }

    /// Whether the point `u` from the left and `v` from the top lies in it. The box is `s` high; all three are in the
    /// same unit, and `u` and `v` lie within the box.
    pub(super) fn contains(self, u: u32, v: u32, s: u32) -> bool {
        match self {
            Figure::Shape(Shape::Circle) => {
                let (across, down) = (i64::from(2 * u) - i64::from(s), i64::from(2 * v) - i64::from(s));
                across * across + down * down <= i64::from(s) * i64::from(s)
            }
            Figure::Shape(Shape::Square) => true,
            Figure::Shape(Shape::Triangle) => (2 * u).abs_diff(s) <= v,
            Figure::Shape(Shape::Cross) => {
                let middle = |x: u32| (s..=2 * s).contains(&(3 * x));
                middle(u) || middle(v)
            }
            Figure::Shape(Shape::Star) => in_star(i64::from(u), i64::from(v), i64::from(s)),
            Figure::Glyph(glyph) => font::ink(glyph, u * font::ROWS / s, v * font::ROWS / s),
        }
    }
}

/// Even-odd rule: a point lies inside when a ray to its right crosses the outline an odd number of times.
fn in_star(u: i64, v: i64, s: i64) -> bool {
    let (u, v) = (1000 * u, 1000 * v);
    let mut inside = false;
    for (i, &(x1, y1)) in STAR.iter().enumerate() {
        let (x2, y2) = STAR[(i + 1) % STAR.len()];
        let (x1, y1, x2, y2) = (x1 * s, y1 * s, x2 * s, y2 * s);
        if (y1 > v) != (y2 > v) {
            // The edge meets the ray's height at x1 + (v - y1)(x2 - x1)/(y2 - y1); multiplied out by y2 - y1.
            let left_of_edge = (u - x1) * (y2 - y1) < (v - y1) * (x2 - x1);
            inside ^= left_of_edge == (y2 > y1);
        }
    }
    inside
}
