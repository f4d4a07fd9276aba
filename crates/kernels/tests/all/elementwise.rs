//! Norms, activations and rotary embedding against arithmetic in f64.

use crate::common::{Random, bits, cpu};
use plimsoll_kernels::{Activation, Isa, RopeLayout, RopeShape};
use proptest::prelude::*;

/// Inputs that reach every branch of the elementary functions.
fn wide_inputs() -> Vec<f32> {
    let near_zero = [0.0, -0.0, 1e-30, -1e-30, 1e-7, -1e-7];
    (-2000..2000).map(|i| i as f32 * 0.005).chain((-200..200).map(|i| i as f32 * 0.5)).chain(near_zero).collect()
}

/// `erf` by its series near 0 and the continued fraction of `erfc` beyond, to 1e-14.
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if x < 2.0 {
        let (mut term, mut sum) = (x, x);
        for n in 1..80 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return 1.0 - 2.0 / std::f64::consts::PI.sqrt() * sum;
    }
    let fraction = (1..80).rev().fold(x, |tail, n| x + f64::from(n) / 2.0 / tail);
    (-x * x).exp() / fraction / std::f64::consts::PI.sqrt()
}

fn exact(act: Activation, x: f64) -> f64 {
    match act {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::GeluTanh => {
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            x / (1.0 + (-2.0 * u).exp())
        }
        Activation::Gelu => 0.5 * x * erfc(-x / std::f64::consts::SQRT_2),
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
        Activation::SquaredRelu => x.max(0.0).powi(2),
    }
}

#[test]
fn activations_are_accurate_at_every_level() {
    let x = wide_inputs();
    let ones = vec![1.0; x.len()];
    for isa in Isa::available() {
        let acts = [Activation::Silu, Activation::GeluTanh, Activation::Gelu];
        for act in acts.into_iter().chain([Activation::Sigmoid, Activation::Softplus, Activation::SquaredRelu]) {
            let mut out = vec![f32::NAN; x.len()];
            cpu(isa, 1).gated(act, &x, &ones, &mut out);
            let mut alone = vec![f32::NAN; x.len()];
            cpu(isa, 2).activate(act, &x, &mut alone);
            assert_eq!(bits(&alone), bits(&out), "{act:?} without a gate at {isa}");
            for (x, out) in x.iter().zip(out) {
                let expected = exact(act, f64::from(*x));
                // Far tails lose bits with the exponential's growing argument, where only the absolute error matters.
                let bound = 3e-6 * expected.abs() + 1e-12;
                assert!(
                    (f64::from(out) - expected).abs() <= bound,
                    "{act:?}({x}) at {isa}: {out}, expected {expected}"
                );
            }
        }
    }
}

#[test]
fn activations_of_infinities_and_nan_are_those_of_the_formula() {
    for isa in Isa::available() {
        let mut out = [0.0; 3];
        cpu(isa, 1).gated(Activation::Silu, &[f32::INFINITY, f32::NAN, -200.0], &[1.0; 3], &mut out);
        assert_eq!(out[0], f32::INFINITY);
        assert!(out[1].is_nan(), "a NaN must not turn into a number");
        assert!(out[2].abs() < 1e-30);
    }
}

#[test]
fn the_gate_multiplies_the_other_half() {
    for isa in Isa::available() {
        let mut out = [0.0; 2];
        cpu(isa, 1).gated(Activation::Silu, &[1.0, 2.0], &[3.0, -4.0], &mut out);
        let expected = [3.0 / (1.0 + (-1f32).exp()), -8.0 / (1.0 + (-2f32).exp())];
        assert!(out.iter().zip(expected).all(|(out, expected)| (out - expected).abs() < 1e-6), "{out:?}");
    }
}

proptest! {
    #[test]
    fn rms_norm_is_right_for_any_width_and_number_of_threads(
        width in 1..600usize, rows in 1..80usize, weighted: bool, threads in 1..=4usize, seed: u64,
    ) {
        let mut random = Random(seed);
        let (x, weight) = (random.floats(rows * width), random.floats(width));
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; x.len()];
            let weight = weighted.then_some(&weight[..]);
            cpu(isa, threads).rms_norm(&x, weight, 1e-5, width, &mut out);
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
                let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / width as f64;
                for (i, (x, out)) in x.iter().zip(out).enumerate() {
                    let scale = weight.map_or(1.0, |weight| f64::from(weight[i]));
                    let expected = f64::from(*x) / (mean + 1e-5).sqrt() * scale;
                    prop_assert!((f64::from(*out) - expected).abs() < 1e-6 * (1.0 + expected.abs()));
                }
                let mut alone = vec![f32::NAN; width];
                cpu(isa, 1).rms_norm(x, weight, 1e-5, width, &mut alone);
                prop_assert_eq!(bits(&alone), bits(out));
            }
        }
    }

    #[test]
    fn layer_norm_is_right_for_any_width_and_number_of_threads(
        width in 1..600usize, rows in 1..80usize, offset in -50f32..50.0, threads in 1..=4usize, seed: u64,
    ) {
        let mut random = Random(seed);
        // A mean that dwarfs the deviation, as residual streams have it.
        let x: Vec<f32> = random.floats(rows * width).into_iter().map(|x| x + offset).collect();
        let (weight, bias) = (random.floats(width), random.floats(width));
        for isa in Isa::available() {
            let mut out = vec![f32::NAN; x.len()];
            cpu(isa, threads).layer_norm(&x, &weight, &bias, 1e-5, &mut out);
            for (x, out) in x.chunks_exact(width).zip(out.chunks_exact(width)) {
                let mean = x.iter().map(|x| f64::from(*x)).sum::<f64>() / width as f64;
                let variance = x.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / width as f64;
                for (i, (x, out)) in x.iter().zip(out).enumerate() {
                    let factor = f64::from(weight[i]) / (variance + 1e-5).sqrt();
                    let expected = (f64::from(*x) - mean) * factor + f64::from(bias[i]);
                    // The mean is rounded to f32, which the division by a small deviation magnifies.
                    let bound = 1e-5 * (1.0 + expected.abs()) + 1e-6 * f64::from(offset.abs() + 1.0) * factor.abs();
                    prop_assert!((f64::from(*out) - expected).abs() < bound, "{out} at {isa}, expected {expected}");
                }
                let mut alone = vec![f32::NAN; width];
                cpu(isa, 1).layer_norm(x, &weight, &bias, 1e-5, &mut alone);
                prop_assert_eq!(bits(&alone), bits(out));
            }
        }
    }

    #[test]
    fn rope_turns_the_right_pairs(
        heads in 1..5usize, half in 0..20usize, still in 0..9usize, n in 1..300usize, interleaved: bool, seed: u64,
    ) {
        let head_dim = (2 * half + still).max(1);
        let layout = if interleaved { RopeLayout::Interleaved } else { RopeLayout::Halves };
        let shape = RopeShape { heads, head_dim, rotary_dim: 2 * half, layout };
        let mut random = Random(seed);
        let x = random.floats(n * heads * head_dim);
        let (cos, sin) = (random.floats(n * half), random.floats(n * half));
        let mut turned = x.clone();
        cpu(Isa::best(), 3).rope(&shape, &mut turned, &cos, &sin);
        for (row, (before, after)) in x.chunks_exact(head_dim).zip(turned.chunks_exact(head_dim)).enumerate() {
            for i in 0..half {
                let (a, b) = if interleaved { (2 * i, 2 * i + 1) } else { (i, i + half) };
                let (c, s) = (cos[row / heads * half + i], sin[row / heads * half + i]);
                prop_assert_eq!(after[a], before[a] * c - before[b] * s);
                prop_assert_eq!(after[b], before[b] * c + before[a] * s);
            }
            prop_assert_eq!(&before[2 * half..], &after[2 * half..]);
        }
    }
}

#[test]
fn a_bias_is_added_to_every_row() {
    let bias: Vec<f32> = (0..999).map(|i| i as f32).collect();
    let mut x = vec![0.5; 999 * 70];
    cpu(Isa::best(), 4).add_bias(&bias, &mut x);
    assert!(x.iter().enumerate().all(|(i, y)| *y == 0.5 + (i % 999) as f32));
}

#[test]
fn addition_covers_every_value() {
    let n = 100_003;
    let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
    let b: Vec<f32> = (0..n).map(|i| 0.5 * i as f32).collect();
    let mut out = vec![f32::NAN; n];
    cpu(Isa::best(), 4).add(&a, &b, &mut out);
    assert!(out.iter().enumerate().all(|(i, sum)| *sum == 1.5 * i as f32));
}
