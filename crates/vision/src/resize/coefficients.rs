//! What each pixel of a resized line is made of: whole-number weights of a run of source pixels.

use super::{Arithmetic, Filter};

/// Bits after the point of Pillow's weights: 8 bits of result and two for overflow leave this many of 32.
const PILLOW_BITS: u32 = 32 - 8 - 2;

/// The weights of every output pixel of one axis.
pub(super) struct Coefficients {
    /// Where the run of source pixels starts, and where its weights lie in `weights`.
    runs: Vec<(usize, std::ops::Range<usize>)>,
    weights: Vec<i32>,
    bits: u32,
}

impl Coefficients {
    /// For `n_in` source pixels resampled to `n_out`. Source: `precompute_coeffs` and `normalize_coeffs_8bpc` of
    /// Pillow's Resample.c, whose steps in f64 are kept in their order.
    pub(super) fn new(n_in: usize, n_out: usize, filter: Filter, arithmetic: Arithmetic) -> Self {
        let scale = n_in as f64 / n_out as f64;
        let filter_scale = scale.max(1.0);
        let support = filter.support() * filter_scale;
        let inverse = 1.0 / filter_scale;
        let mut exact = Vec::new();
        let mut runs = Vec::with_capacity(n_out);
        for x in 0..n_out {
            let centre = (x as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize; // towards zero, as a C cast
            let end = ((centre + support + 0.5) as usize).min(n_in).max(first);
            let start = exact.len();
            let mut sum = 0.0;
            for source in first..end {
                let weight = filter.at((source as f64 - centre + 0.5) * inverse);
                exact.push(weight);
                sum += weight;
            }
            if sum != 0.0 {
                exact[start..].iter_mut().for_each(|weight| *weight /= sum);
            }
            runs.push((first, start..exact.len()));
        }
        let bits = match arithmetic {
            Arithmetic::Pillow => PILLOW_BITS,
            Arithmetic::Torchvision => torch_bits(&exact),
        };
        let one = f64::from(1u32 << bits);
        let fixed =
            |weight: &f64| if *weight < 0.0 { (weight * one - 0.5) as i32 } else { (weight * one + 0.5) as i32 };
        Self { runs, weights: exact.iter().map(fixed).collect(), bits }
    }

    /// First source pixel and the weights from it on, of output pixel `x`.
    pub(super) fn run(&self, x: usize) -> (usize, &[i32]) {
        let (first, weights) = &self.runs[x];
        (*first, &self.weights[weights.clone()])
    }

    pub(super) fn len(&self) -> usize {
        self.runs.len()
    }

    /// What sums start from, so that shifting rounds to nearest.
    pub(super) fn half(&self) -> i32 {
        1 << (self.bits - 1)
    }

    /// A finished sum as a level.
    pub(super) fn level(&self, sum: i32) -> u8 {
        (sum >> self.bits).clamp(0, 255) as u8
    }
}

/// The most bits with which the greatest weight fits 16 bits, signed. Source: `_compute_index_ranges_int16_weights` of
/// PyTorch's UpSampleKernel.cpp.
fn torch_bits(weights: &[f64]) -> u32 {
    let greatest = weights.iter().copied().fold(0.0, f64::max);
    (1..22).find(|bits| (0.5 + greatest * f64::from(1u32 << (bits + 1))) as i64 >= 1 << 15).unwrap_or(22)
}
