//! Noise of a sensor.

use plimsoll_vision::Picture;

use super::SEVERITIES;
use crate::suite::{Rng, hash};

/// Its deviation, in levels.
const DEVIATION: [i64; SEVERITIES as usize] = [10, 20, 40, 60, 90];
/// Parts that a draw is the sum of, each even over 0 to 2¹⁶ − 1.
const PARTS: i64 = 8;
/// Deviation of their sum: 2¹⁶ · sqrt(8 / 12).
const DEVIATION_OF_SUM: i64 = 53_510;

/// Each level with noise of its own, normal but for its farthest ends, which a sum of eight even parts does not reach.
pub(super) fn noisy(picture: &Picture, degree: usize) -> Picture {
    let mut rng = Rng::new(hash::sha256_u64(picture.pixels()), degree as u64);
    let mut normal = || {
        let sum: i64 = (0..PARTS).map(|_| rng.below(1 << 16) as i64).sum();
        (sum - PARTS * ((1 << 16) - 1) / 2) * DEVIATION[degree] / DEVIATION_OF_SUM
    };
    let pixels = picture.pixels().iter().map(|level| (i64::from(*level) + normal()).clamp(0, 255) as u8).collect();
    Picture::new(picture.width(), picture.height(), pixels)
}
