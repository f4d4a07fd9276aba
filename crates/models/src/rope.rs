//! Rotary frequencies from hyperparameters. Source: transformers modeling_rope_utils.py; what is
//! computed in f32 there is computed in f32 here.

use std::f64::consts::TAU;

use plimsoll_graph::{ExtendedRope, RopeLayout, RopeSpec};

use crate::config::{Rope, RopeScaling};

/// The frequencies of one rotary embedding.
pub(crate) fn spec(rope: &Rope, layout: RopeLayout) -> RopeSpec {
    let plain = plain_frequencies(rope);
    let divided = |by: &[f32]| plain.iter().zip(by).map(|(freq, by)| freq / by).collect::<Vec<f32>>();
    let mut extended = None;
    let mut attention_factor = 1.0;
    let inv_freq = match &rope.scaling {
        RopeScaling::None => plain,
        RopeScaling::Linear { factor } => plain.iter().map(|freq| freq / *factor as f32).collect(),
        RopeScaling::Factors(factors) => divided(factors),
        RopeScaling::Proportional { pairs } => {
            plain.iter().enumerate().map(|(pair, freq)| if pair < *pairs { *freq } else { 0.0 }).collect()
        }
        RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max } => {
            let bounds = (*low_freq_factor as f32, *high_freq_factor as f32);
            plain.iter().map(|freq| llama3(*freq, *factor as f32, bounds, *original_max as f32)).collect()
        }
        RopeScaling::Yarn { factor, original_max, beta_fast, beta_slow, truncate, attention_factor: on_both } => {
            attention_factor = *on_both as f32;
            let kept_until = correction_dim(rope, *original_max, *beta_fast);
            let divided_from = correction_dim(rope, *original_max, *beta_slow);
            yarn(&plain, *factor as f32, ramp(kept_until, divided_from, *truncate, rope.rotary_dim))
        }
        RopeScaling::LongRope { short, long, original_max, attention_factor: on_both } => {
            attention_factor = *on_both as f32;
            extended = Some(ExtendedRope { beyond: *original_max, inv_freq: divided(long) });
            divided(short)
        }
    };
    RopeSpec { inv_freq, extended, attention_factor, layout, coordinates: rope.coordinates.clone() }
}

/// `theta^(-2i / rotary_dim)`
fn plain_frequencies(rope: &Rope) -> Vec<f32> {
    let exponent = |i: usize| (2 * i) as f32 / rope.rotary_dim as f32;
    (0..rope.rotary_dim / 2).map(|i| 1.0 / (rope.theta as f32).powf(exponent(i))).collect()
}

/// Long wavelengths are divided by `factor`, short ones kept, those between blended
/// (`_compute_llama3_parameters`). With equal bounds there is nothing between.
fn llama3(freq: f32, factor: f32, (low, high): (f32, f32), original_max: f32) -> f32 {
    let wavelength = TAU as f32 / freq;
    if wavelength > original_max / low {
        freq / factor
    } else if wavelength < original_max / high || low == high {
        freq
    } else {
        let smooth = (original_max / wavelength - low) / (high - low);
        (1.0 - smooth) * freq / factor + smooth * freq
    }
}

/// The dimension whose frequency turns `rotations` times over the original context (`find_correction_dim`).
fn correction_dim(rope: &Rope, original_max: usize, rotations: f64) -> f64 {
    rope.rotary_dim as f64 * (original_max as f64 / (rotations * TAU)).ln() / (2.0 * rope.theta.ln())
}

/// For each frequency how far it is divided: 0 kept, 1 divided (`linear_ramp_factor`).
fn ramp(low: f64, high: f64, truncate: bool, rotary_dim: usize) -> impl Fn(usize) -> f32 {
    let (low, high) = if truncate { (low.floor(), high.ceil()) } else { (low, high) };
    let (low, high) = (low.max(0.0), high.min(rotary_dim as f64 - 1.0));
    // As the reference: no division by zero where both bounds fall on one dimension.
    let high = if low == high { high + 0.001 } else { high };
    move |i| ((i as f64 - low) / (high - low)).clamp(0.0, 1.0) as f32
}

fn yarn(plain: &[f32], factor: f32, ramp: impl Fn(usize) -> f32) -> Vec<f32> {
    let blend = |(i, freq): (usize, &f32)| {
        let divided = ramp(i);
        freq / factor * divided + freq * (1.0 - divided)
    };
    plain.iter().enumerate().map(blend).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(scaling: RopeScaling) -> Rope {
        Rope { theta: 10000.0, rotary_dim: 16, scaling, coordinates: None }
    }

    #[test]
    fn equal_frequency_bounds_do_not_divide_by_zero() {
        let scaling =
            RopeScaling::Llama3 { factor: 8.0, low_freq_factor: 2.0, high_freq_factor: 2.0, original_max: 64 };
        let spec = spec(&rope(scaling), RopeLayout::Halves);
        let plain = plain_frequencies(&rope(RopeScaling::None));
        assert!(spec.inv_freq.iter().zip(&plain).all(|(f, p)| f == p || *f == p / 8.0), "{:?}", spec.inv_freq);
    }

    #[test]
    fn long_rope_keeps_a_second_set_for_longer_contexts() {
        let (short, long) = (vec![1.0; 8], vec![4.0; 8]);
        let scaling = RopeScaling::LongRope { short, long, original_max: 4096, attention_factor: 1.19 };
        let spec = spec(&rope(scaling), RopeLayout::Halves);
        assert_eq!(spec.inv_freq_for(4096), plain_frequencies(&rope(RopeScaling::None)));
        assert_eq!(spec.inv_freq_for(4097)[0], 0.25);
    }
}
