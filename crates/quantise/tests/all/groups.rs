//! MLX's groups beside MLX's own rule.

use crate::common::Numbers;
use half::{bf16, f16};
use plimsoll_kernels::DType;
use plimsoll_quantise::{AffineGroups, EncodeError};
use proptest::prelude::*;

fn stored(dtype: DType, value: f32) -> f32 {
    match dtype {
        DType::F16 => f16::from_f32(value).to_f32(),
        DType::BF16 => bf16::from_f32(value).to_f32(),
        _ => value,
    }
}

/// What MLX makes of a group, read back: codes at the scale as it was computed, scale and bias rounded afterwards.
/// Source: mlx/backend/cpu/quantized.cpp, `quantize`.
fn by_mlx(x: &[f32], bits: u32, dtype: DType) -> Vec<f32> {
    let n = ((1 << bits) - 1) as f32;
    let least = x.iter().copied().fold(f32::INFINITY, f32::min);
    let most = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut scale = ((most - least) / n).max(1e-7);
    let is_low = least.abs() > most.abs();
    scale = if is_low { scale } else { -scale };
    let edge = if is_low { least } else { most };
    let whole = (edge / scale).round_ties_even();
    let bias = if whole == 0.0 { 0.0 } else { edge };
    scale = if whole == 0.0 { scale } else { edge / whole };
    let code = |x: f32| ((x - bias) / scale).round_ties_even().clamp(0.0, n);
    x.iter().map(|x| stored(dtype, scale) * code(*x) + stored(dtype, bias)).collect()
}

fn fitted(grid: AffineGroups, x: &[f32], w: Option<&[f32]>) -> Vec<f32> {
    let groups = x.len() / grid.group();
    let (mut codes, mut scales, mut offsets) = (vec![0; x.len()], vec![0.0; groups], vec![0.0; groups]);
    grid.fit(x, w, &mut codes, &mut scales, &mut offsets).unwrap();
    assert!(codes.iter().all(|code| u32::from(*code) < 1 << grid.bits()));
    assert!(scales.iter().chain(&offsets).all(|value| stored(grid.stored(), *value) == *value));
    let group = |i: usize| i / grid.group();
    codes.iter().enumerate().map(|(i, code)| scales[group(i)] * f32::from(*code) + offsets[group(i)]).collect()
}

fn error(x: &[f32], back: &[f32], w: Option<&[f32]>) -> f64 {
    let off = |i: usize| f64::from(x[i]) - f64::from(back[i]);
    (0..x.len()).map(|i| f64::from(w.map_or(1.0, |w| w[i])) * off(i) * off(i)).sum()
}

fn grids() -> impl Iterator<Item = AffineGroups> {
    AffineGroups::BITS.into_iter().flat_map(|bits| {
        AffineGroups::LENGTHS.into_iter().flat_map(move |group| {
            [DType::F32, DType::F16, DType::BF16].map(|dtype| AffineGroups::new(bits, group, dtype).unwrap())
        })
    })
}

#[test]
fn on_weights_like_a_models_the_error_is_a_fifth_below_that_of_mlx() {
    let mut numbers = Numbers(11);
    let mut gaussian = || (0..3).map(|_| numbers.smooth()).sum::<f32>();
    let values: Vec<f32> = (0..64 * 200).map(|_| gaussian()).collect();
    let weights: Vec<f32> = (0..values.len()).map(|_| numbers.weight()).collect();
    let mut ratios = Vec::new();
    for grid in grids().filter(|grid| grid.group() == 64) {
        let theirs: Vec<f32> =
            values.chunks(grid.group()).flat_map(|x| by_mlx(x, grid.bits(), grid.stored())).collect();
        for weights in [None, Some(&weights[..])] {
            let ours = error(&values, &fitted(grid, &values, weights), weights);
            let ratio = ours / error(&values, &theirs, weights);
            println!("{grid:?}, weights {}: {ratio:.3}", weights.is_some());
            assert!(ratio < 0.9, "{grid:?}, weights {}: {ratio}", weights.is_some());
            ratios.push(ratio);
        }
    }
    let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
    assert!(mean < 0.8, "{mean}");
}

#[test]
fn groups_of_one_value_come_back_and_what_is_no_number_is_refused() {
    for grid in grids() {
        for value in [0.0, 0.5, -0.25, 3.0, 1e-30] {
            let back = fitted(grid, &[value; 128], None);
            assert!(back.iter().all(|back| (back - value).abs() < 1e-6), "{grid:?}: {value} as {}", back[0]);
        }
    }
    let grid = AffineGroups::new(4, 32, DType::BF16).unwrap();
    let mut values = [0.5; 32];
    values[7] = f32::NAN;
    let refused = grid.fit(&values, None, &mut [0; 32], &mut [0.0], &mut [0.0]).unwrap_err();
    assert!(matches!(refused, EncodeError::NotFinite { index: 7, .. }));
    assert_eq!(AffineGroups::new(7, 64, DType::F16), None);
    assert_eq!(AffineGroups::new(4, 16, DType::F16), None);
    assert_eq!(AffineGroups::new(4, 64, DType::Q4_0), None);
}

/// Values of any size that a grid takes, with zeros, equal runs and magnitudes apart.
fn values() -> impl Strategy<Value = Vec<f32>> {
    let one = prop_oneof![
        4 => -1f32..1.0,
        1 => Just(0.0f32),
        1 => Just(-0.25f32),
        1 => 0.5f32..0.51,
        1 => -6e3f32..6e3,
    ];
    proptest::collection::vec(one, 128)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_group_has_a_greater_error_than_mlx_gives_it(values in values(), weights: [u8; 16]) {
        let weights: Vec<f32> = (0..128).map(|i| f32::from(weights[i % 16])).collect();
        for grid in grids() {
            for (x, w) in values.chunks(grid.group()).zip(weights.chunks(grid.group())) {
                let ours = error(x, &fitted(grid, x, Some(w)), Some(w));
                let theirs = error(x, &by_mlx(x, grid.bits(), grid.stored()), Some(w));
                prop_assert!(ours <= theirs * 1.0001 + 1e-9, "{grid:?}: {ours}, MLX {theirs}");
            }
        }
    }
}
