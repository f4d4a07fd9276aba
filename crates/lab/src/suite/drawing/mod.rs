//! Pictures drawn by code: flat shapes and large letters on a plain ground.
//!
//! Everything is whole-number arithmetic, so that a scene has the same pixels on every machine.

mod colour;
mod figure;
mod font;

pub use colour::Colour;
pub(crate) use colour::stray;
pub use figure::{Figure, Shape};
pub(crate) use font::{DIGITS, LETTERS};

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use serde::{Deserialize, Serialize};

/// Width and height of every picture, in pixels.
pub const SIDE: u32 = 128;
/// Samples along each edge of a pixel: edges are anti-aliased by the share of samples inside.
const SAMPLES: u32 = 4;
/// Parts of a pixel in which samples are placed: every second one, so that none lies on a pixel's border.
const PARTS: u32 = 2 * SAMPLES;

/// A picture before it is drawn: `SIDE` × `SIDE` pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Name of the ground's colour, where it has one that can be asked for.
    pub ground: Option<Colour>,
    /// The ground's red, green and blue.
    pub ground_rgb: [u8; 3],
    /// What lies on it; no two touch.
    pub marks: Vec<Mark>,
}

/// One shape, letter or digit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What it shows.
    pub figure: Figure,
    /// The name of its colour.
    pub colour: Colour,
    /// Its very red, green and blue.
    pub rgb: [u8; 3],
    /// Left edge of its box, in pixels.
    pub left: u32,
    /// Upper edge of its box, in pixels.
    pub top: u32,
    /// Height of its box; [`Figure::width`] says how wide that is, in pixels.
    pub height: u32,
}

impl Mark {
    /// Width of its box, in pixels.
    pub fn width(&self) -> u32 {
        self.figure.width(self.height)
    }

    /// The middle of its box, in half pixels.
    pub fn centre(&self) -> (u32, u32) {
        (2 * self.left + self.width(), 2 * self.top + self.height)
    }

    /// The surface it covers, roughly: the figure's share of its box, in thousandths of a pixel.
    pub fn area(&self) -> u32 {
        self.figure.fullness() * self.width() * self.height
    }

    /// How much of the pixel (x, y) it covers, as a number of samples out of `SAMPLES`².
    fn coverage(&self, x: u32, y: u32) -> u32 {
        let (u, v) = (PARTS * (x - self.left), PARTS * (y - self.top));
        let inside = |i: u32| {
            let (across, down) = (u + 2 * (i % SAMPLES) + 1, v + 2 * (i / SAMPLES) + 1);
            self.figure.contains(across, down, PARTS * self.height)
        };
        (0..SAMPLES * SAMPLES).filter(|i| inside(*i)).count() as u32
    }
}

impl Scene {
    /// Red, green and blue of every pixel, row by row from the top: `SIDE` × `SIDE` × 3 bytes.
    pub fn rgb8(&self) -> Vec<u8> {
        let mut pixels = self.ground_rgb.repeat((SIDE * SIDE) as usize);
        for mark in &self.marks {
            for y in mark.top..(mark.top + mark.height).min(SIDE) {
                for x in mark.left..(mark.left + mark.width()).min(SIDE) {
                    let covered = mark.coverage(x, y);
                    let at = ((y * SIDE + x) * 3) as usize;
                    for (pixel, ink) in pixels[at..at + 3].iter_mut().zip(mark.rgb) {
                        *pixel = blend(*pixel, ink, covered);
                    }
                }
            }
        }
        pixels
    }

    /// The picture as a PNG file.
    pub fn png(&self) -> Vec<u8> {
        let mut file = Vec::new();
        PngEncoder::new(&mut file)
            .write_image(&self.rgb8(), SIDE, SIDE, ExtendedColorType::Rgb8)
            .expect("a picture of the right size is written to memory");
        file
    }
}

/// `covered` of the `SAMPLES`² samples show `ink`, the others `under`; rounded to the nearest.
fn blend(under: u8, ink: u8, covered: u32) -> u8 {
    let all = SAMPLES * SAMPLES;
    ((u32::from(under) * (all - covered) + u32::from(ink) * covered + all / 2) / all) as u8
}

#[cfg(test)]
mod tests;
