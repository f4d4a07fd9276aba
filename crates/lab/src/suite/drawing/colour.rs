//! Colours with a name that everybody would give them.

use serde::{Deserialize, Serialize};

use crate::suite::Rng;

/// How far a channel may stray from the colour's usual value, so that a name is not one exact value.
const SPREAD: u32 = 18;

/// A colour by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// (215, 35, 35)
    Red,
    /// (40, 160, 60)
    Green,
    /// (40, 80, 215)
    Blue,
    /// (240, 220, 40)
    Yellow,
    /// (235, 130, 25)
    Orange,
    /// (140, 50, 165)
    Purple,
    /// (18, 18, 18)
    Black,
    /// (237, 237, 237)
    White,
}

impl Colour {
    /// Every colour.
    pub const ALL: [Colour; 8] = [
        Colour::Red,
        Colour::Green,
        Colour::Blue,
        Colour::Yellow,
        Colour::Orange,
        Colour::Purple,
        Colour::Black,
        Colour::White,
    ];

    /// Its English name.
    pub fn name(self) -> &'static str {
        match self {
            Colour::Red => "red",
            Colour::Green => "green",
            Colour::Blue => "blue",
            Colour::Yellow => "yellow",
            Colour::Orange => "orange",
            Colour::Purple => "purple",
            Colour::Black => "black",
            Colour::White => "white",
        }
    }

    /// Its usual red, green and blue.
    pub(crate) fn usual(self) -> [u8; 3] {
        match self {
            Colour::Red => [215, 35, 35],
            Colour::Green => [40, 160, 60],
            Colour::Blue => [40, 80, 215],
            Colour::Yellow => [240, 220, 40],
            Colour::Orange => [235, 130, 25],
            Colour::Purple => [140, 50, 165],
            Colour::Black => [18, 18, 18],
            Colour::White => [237, 237, 237],
        }
    }

    /// A red, green and blue near the usual ones.
    pub(crate) fn shade(self, rng: &mut Rng) -> [u8; 3] {
        stray(self.usual(), rng)
    }
}

/// `usual` with each channel moved by up to [`SPREAD`].
pub(crate) fn stray(usual: [u8; 3], rng: &mut Rng) -> [u8; 3] {
    usual.map(|channel| {
        let moved = u32::from(channel) + rng.between(0, 2 * SPREAD);
        moved.saturating_sub(SPREAD).min(255) as u8
    })
}
