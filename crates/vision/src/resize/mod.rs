//! Antialiased resampling in 8-bit steps, as the reference's libraries do it.
//!
//! Towers are fed what transformers feeds them, and its resampling rounds to whole levels between the two passes; a
//! resampler in floating point differs by several levels where a filter overshoots.

mod coefficients;

use std::collections::VecDeque;

use crate::Picture;
use coefficients::Coefficients;

/// Channels of a pixel.
const RGB: usize = 3;

/// A resampling filter. The numbers of Pillow's `Resampling` are what settings files hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Truncated sinc of 3 lobes; number 1.
    Lanczos,
    /// Triangle; number 2.
    Bilinear,
    /// Cubic convolution with a = -0.5; number 3.
    Bicubic,
    /// Mean of what a pixel covers; number 4.
    Box,
    /// Raised cosine; number 5.
    Hamming,
}

impl Filter {
    /// The filter that Pillow gives `number`; `None` for those without antialiasing (0) or unknown.
    pub fn from_number(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Lanczos,
            2 => Self::Bilinear,
            3 => Self::Bicubic,
            4 => Self::Box,
            5 => Self::Hamming,
            _ => return None,
        })
    }

    /// Half the width, in pixels of the smaller picture.
    fn support(self) -> f64 {
        match self {
            Self::Lanczos => 3.0,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Box => 0.5,
        }
    }

    /// The weight at distance `x`. Source: the filters of Pillow's Resample.c.
    fn at(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI) };
        match self {
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Bilinear if x.abs() < 1.0 => 1.0 - x.abs(),
            Self::Bicubic if x.abs() < 1.0 => ((-0.5 + 2.0) * x.abs() - (-0.5 + 3.0)) * x.abs() * x.abs() + 1.0,
            Self::Bicubic if x.abs() < 2.0 => (((x.abs() - 5.0) * x.abs() + 8.0) * x.abs() - 4.0) * -0.5,
            Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Hamming if x == 0.0 => 1.0,
            // Its constants are singles in Pillow.
            Self::Hamming if x.abs() < 1.0 => {
                sinc(x.abs()) * (f64::from(0.54f32) + f64::from(0.46f32) * (x.abs() * std::f64::consts::PI).cos())
            }
            _ => 0.0,
        }
    }
}

/// Whose 8-bit arithmetic a resampling follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// Pillow 13: weights of 22 bits; the vertical pass first where the height shrinks by more than twice as many
    /// pixels as the width. Source: `ImagingResampleInner` of Resample.c.
    Pillow,
    /// torchvision 0.27 and later on a CPU (`tvF.resize` of a uint8 tensor): weights of 16 bits, the horizontal pass
    /// first. Source: PyTorch's UpSampleKernelAVXAntialias.h.
    Torchvision,
}

/// `picture` at `width` × `height` pixels, both at least 1.
pub fn resize(picture: &Picture, width: usize, height: usize, filter: Filter, arithmetic: Arithmetic) -> Picture {
    assert!(width > 0 && height > 0, "a picture has at least one pixel");
    let (w_in, h_in) = (picture.width(), picture.height());
    let across = (width != w_in).then(|| Coefficients::new(w_in, width, filter, arithmetic));
    let down = (height != h_in).then(|| Coefficients::new(h_in, height, filter, arithmetic));
    let pixels = match (across, down) {
        (None, None) => return picture.clone(),
        (Some(across), None) => {
            let mut out = vec![0; width * height * RGB];
            for y in 0..height {
                horizontal(picture.row(y), &across, &mut out[y * width * RGB..][..width * RGB]);
            }
            out
        }
        (None, Some(down)) => vertical_first(picture, None, &down, width),
        (Some(across), Some(down))
            if arithmetic == Arithmetic::Pillow && pillow_starts_down(picture, width, height) =>
        {
            vertical_first(picture, Some(&across), &down, width)
        }
        (Some(across), Some(down)) => horizontal_first(picture, &across, &down, width),
    };
    Picture::new(width, height, pixels)
}

fn pillow_starts_down(picture: &Picture, width: usize, height: usize) -> bool {
    let shrinks = |from: usize, to: usize| from as i64 - to as i64;
    let (across, down) = (shrinks(picture.width(), width), shrinks(picture.height(), height));
    down > 0 && down > across * 2
}

/// One row `(width_in, 3)` resampled to `(width_out, 3)`.
fn horizontal(row: &[u8], across: &Coefficients, out: &mut [u8]) {
    for (x, pixel) in out.chunks_exact_mut(RGB).enumerate() {
        let (first, weights) = across.run(x);
        let mut sums = [across.half(); RGB];
        for (source, &weight) in row[first * RGB..].chunks_exact(RGB).zip(weights) {
            for (sum, &level) in sums.iter_mut().zip(source) {
                *sum += i32::from(level) * weight;
            }
        }
        for (level, sum) in pixel.iter_mut().zip(sums) {
            *level = across.level(sum);
        }
    }
}

fn accumulate(sums: &mut [i32], row: &[u8], weight: i32) {
    for (sum, &level) in sums.iter_mut().zip(row) {
        *sum += i32::from(level) * weight;
    }
}

/// Each output row is summed up from source rows, then resampled across: one row is held beside the result.
fn vertical_first(picture: &Picture, across: Option<&Coefficients>, down: &Coefficients, width: usize) -> Vec<u8> {
    let mut out = vec![0; width * down.len() * RGB];
    let mut sums = vec![0; picture.width() * RGB];
    let mut row = vec![0; picture.width() * RGB];
    for (y, out) in out.chunks_exact_mut(width * RGB).enumerate() {
        let (first, weights) = down.run(y);
        sums.fill(down.half());
        for (source, &weight) in weights.iter().enumerate() {
            accumulate(&mut sums, picture.row(first + source), weight);
        }
        row.iter_mut().zip(&sums).for_each(|(level, &sum)| *level = down.level(sum));
        match across {
            Some(across) => horizontal(&row, across, out),
            None => out.copy_from_slice(&row),
        }
    }
    out
}

/// Source rows are resampled across one by one and added to every output row that reaches them. Sums of whole numbers
/// do not depend on their order, and no picture as tall as the source is ever held.
fn horizontal_first(picture: &Picture, across: &Coefficients, down: &Coefficients, width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(width * down.len() * RGB);
    let mut row = vec![0; width * RGB];
    let mut open: VecDeque<Vec<i32>> = VecDeque::new(); // sums of output rows from `done` on
    let mut done = 0;
    for y in 0..picture.height() {
        while done + open.len() < down.len() && down.run(done + open.len()).0 <= y {
            open.push_back(vec![down.half(); width * RGB]);
        }
        if open.is_empty() {
            continue;
        }
        horizontal(picture.row(y), across, &mut row);
        for (i, sums) in open.iter_mut().enumerate() {
            let (first, weights) = down.run(done + i);
            if let Some(&weight) = y.checked_sub(first).and_then(|tap| weights.get(tap)) {
                accumulate(sums, &row, weight);
            }
        }
        while let Some(sums) = open.pop_front_if(|_| {
            let (first, weights) = down.run(done);
            first + weights.len() <= y + 1
        }) {
            out.extend(sums.into_iter().map(|sum| down.level(sum)));
            done += 1;
        }
    }
    out
}
