//! Out of focus.

use plimsoll_vision::Picture;

use super::SEVERITIES;

/// How far a box reaches beyond its middle pixel on either side, in 2000ths of the shorter side.
const REACH: [usize; SEVERITIES as usize] = [2, 4, 8, 16, 32];
/// Boxes one after another: three come near a normal blur.
const PASSES: usize = 3;
/// Parts of a pixel.
const ONE: u64 = 256;

/// The picture under [`PASSES`] boxes along each axis; at the borders the outermost pixels go on.
pub(super) fn blurred(picture: &Picture, degree: usize) -> Picture {
    let (width, height) = (picture.width(), picture.height());
    // [parts of a pixel]; a blur that touches no neighbour would be none.
    let reach = (width.min(height) as u64 * REACH[degree] as u64 * ONE / 2000).max(ONE / 8);
    let mut pixels = picture.pixels().to_vec();
    for _ in 0..PASSES {
        for y in 0..height {
            box_along(&mut pixels, width, reach, |x| (y * width + x) * 3);
        }
        for x in 0..width {
            box_along(&mut pixels, height, reach, |y| (y * width + x) * 3);
        }
    }
    Picture::new(width, height, pixels)
}

/// One box along `n` pixels, whose places `at` gives: whole pixels within reach, and a part of the next on either side.
fn box_along(pixels: &mut [u8], n: usize, reach: u64, at: impl Fn(usize) -> usize) {
    let (whole, part) = ((reach / ONE) as usize, reach % ONE);
    let all = ONE + 2 * reach;
    for channel in 0..3 {
        let line: Vec<u64> = (0..n).map(|i| u64::from(pixels[at(i) + channel])).collect();
        let level = |i: isize| line[i.clamp(0, n as isize - 1) as usize];
        let first = -(whole as isize);
        let mut sum: u64 = (first..=whole as isize).map(level).sum();
        for i in 0..n {
            let (before, behind) = (i as isize - whole as isize - 1, (i + whole + 1) as isize);
            let edges = (level(before) + level(behind)) * part;
            pixels[at(i) + channel] = ((sum * ONE + edges + all / 2) / all) as u8;
            sum = sum + level(behind) - level(i as isize - whole as isize);
        }
    }
}
