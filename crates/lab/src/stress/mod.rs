//! Pictures made worse by degrees, as scans and photographs are: what does a model keep of its right answers?
//!
//! Everything is whole-number arithmetic over seeded draws, so that a worn picture has the same pixels on every machine
//! and for every model.

mod blur;
mod curve;
mod noise;
mod skew;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plimsoll_vision::{Arithmetic, DEFAULT_MAX_PIXELS, Filter, Picture, resize};
use serde::{Deserialize, Serialize};

pub use curve::{Curve, Point, worn_suites};

/// Degrees of each kind, 1 being hardly seen and the last hardly read.
pub const SEVERITIES: u8 = 5;
/// Share of the light that is left, in hundredths of a level: 1 to 5 stops darker at a gamma of 2.2.
const LIGHT: [u32; SEVERITIES as usize] = [73, 53, 39, 28, 21];
/// Quality of the JPEG file.
const QUALITY: [u8; SEVERITIES as usize] = [50, 25, 15, 8, 4];
/// Sides of the picture that is left, in tenths of what they were.
const SMALL: [usize; SEVERITIES as usize] = [7, 5, 4, 3, 2];

/// What happens to a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stress {
    /// Too little light: 1 to 5 stops darker.
    LowLight,
    /// Noise of a sensor: normal, with a deviation of 10, 20, 40, 60, 90 levels.
    Noise,
    /// Out of focus: blurred over 0.2 to 3.2 % of the shorter side.
    Blur,
    /// Laid askew: turned by 1, 2, 4, 8, 15 degrees on white.
    Skew,
    /// Compressed: JPEG of quality 50, 25, 15, 8, 4.
    Jpeg,
    /// Too few pixels: sides of 0.7, 0.5, 0.4, 0.3, 0.2 of what they were.
    Small,
}

impl Stress {
    /// Every kind with its name.
    pub const ALL: [(Stress, &'static str); 6] = [
        (Stress::LowLight, "low-light"),
        (Stress::Noise, "noise"),
        (Stress::Blur, "blur"),
        (Stress::Skew, "skew"),
        (Stress::Jpeg, "jpeg"),
        (Stress::Small, "small"),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(stress, _)| *stress == self).map_or("", |(_, name)| name)
    }
}

impl std::str::FromStr for Stress {
    type Err = String;

    fn from_str(text: &str) -> Result<Stress, String> {
        let known = Self::ALL.map(|(_, name)| name);
        Self::ALL
            .iter()
            .find(|(_, name)| *name == text)
            .map(|(stress, _)| *stress)
            .ok_or_else(|| format!("there are {}", known.join(", ")))
    }
}

/// One degree of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wear {
    /// What happens to the picture.
    pub stress: Stress,
    /// How much of it, 1 to [`SEVERITIES`].
    pub severity: u8,
}

impl Wear {
    /// `picture`, worn. The same picture is worn in the same way wherever it is.
    pub fn applied(self, picture: &Picture) -> Picture {
        let degree = usize::from(self.severity.clamp(1, SEVERITIES)) - 1;
        let (width, height) = (picture.width(), picture.height());
        match self.stress {
            Stress::LowLight => {
                let darker = |level: &u8| ((u32::from(*level) * LIGHT[degree] + 50) / 100) as u8;
                Picture::new(width, height, picture.pixels().iter().map(darker).collect())
            }
            Stress::Noise => noise::noisy(picture, degree),
            Stress::Blur => blur::blurred(picture, degree),
            Stress::Skew => skew::turned(picture, degree),
            Stress::Jpeg => compressed(picture, QUALITY[degree]),
            Stress::Small => {
                let side = |length: usize| (length * SMALL[degree] / 10).max(1);
                resize(picture, side(width), side(height), Filter::Box, Arithmetic::Pillow)
            }
        }
    }
}

fn compressed(picture: &Picture, quality: u8) -> Picture {
    let mut file = Vec::new();
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    JpegEncoder::new_with_quality(&mut file, quality)
        .write_image(picture.pixels(), width, height, ExtendedColorType::Rgb8)
        .ok()
        .and_then(|()| Picture::decode("a worn picture", &file, DEFAULT_MAX_PIXELS).ok())
        // A side of more than 65,535 pixels has no JPEG file; it stays as it is.
        .unwrap_or_else(|| picture.clone())
}

#[cfg(test)]
mod tests;
