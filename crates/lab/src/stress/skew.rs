//! Laid askew.

use plimsoll_vision::Picture;

use super::SEVERITIES;

/// Sine and cosine of 1, 2, 4, 8 and 15 degrees, in 65,536ths.
const TURN: [(i64, i64); SEVERITIES as usize] =
    [(1144, 65526), (2287, 65496), (4572, 65376), (9121, 64898), (16962, 63303)];
const ONE: i64 = 1 << 16;
/// Paper.
const WHITE: i64 = 255;

/// The picture turned about its middle on a white ground that holds all of it; each pixel from the four around its place.
pub(super) fn turned(picture: &Picture, degree: usize) -> Picture {
    let (sin, cos) = TURN[degree];
    let (width, height) = (picture.width() as i64, picture.height() as i64);
    let side = |along: i64, across: i64| (along * cos + across * sin + ONE - 1) / ONE;
    let (new_width, new_height) = (side(width, height), side(height, width));
    let mut pixels = Vec::with_capacity((new_width * new_height * 3) as usize);
    for y in 0..new_height {
        for x in 0..new_width {
            // From the middle, in halves of a pixel.
            let (right, down) = (2 * x + 1 - new_width, 2 * y + 1 - new_height);
            let source_x = (right * cos + down * sin + (width - 1) * ONE) / 2;
            let source_y = (down * cos - right * sin + (height - 1) * ONE) / 2;
            pixels.extend(blended(picture, source_x, source_y));
        }
    }
    Picture::new(new_width as usize, new_height as usize, pixels)
}

/// The levels at (`x`, `y`), in 65,536ths of a pixel.
fn blended(picture: &Picture, x: i64, y: i64) -> [u8; 3] {
    // 8 bits of a place between pixels are enough, and four products of them and a level fit any integer.
    let (left, top) = (x.div_euclid(ONE), y.div_euclid(ONE));
    let (right, down) = (x.rem_euclid(ONE) >> 8, y.rem_euclid(ONE) >> 8);
    let corners = [
        (left, top, (256 - right) * (256 - down)),
        (left + 1, top, right * (256 - down)),
        (left, top + 1, (256 - right) * down),
        (left + 1, top + 1, right * down),
    ];
    [0, 1, 2].map(|channel| {
        let sum: i64 = corners.iter().map(|(x, y, weight)| weight * level(picture, *x, *y, channel)).sum();
        ((sum + (1 << 15)) >> 16) as u8
    })
}

fn level(picture: &Picture, x: i64, y: i64, channel: usize) -> i64 {
    let is_inside = (0..picture.width() as i64).contains(&x) && (0..picture.height() as i64).contains(&y);
    if is_inside { i64::from(picture.row(y as usize)[x as usize * 3 + channel]) } else { WHITE }
}
