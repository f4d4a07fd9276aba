//! Squared errors beside those of ggml's own quantiser.

use crate::common::Numbers;
use plimsoll_kernels::{DType, dequantise};
use plimsoll_quantise::{TYPES, encode};

/// For each type the squared error of what ggml makes of these values: smooth, tailed, and both under weights that it was
/// given as an importance matrix. Written by `bench/quantise_error.py LIBGGML_BASE --reference`.
const REFERENCE: &str = include_str!("../data/reference.txt");

const COLS: usize = 512;
const ROWS: usize = 24;

fn error(dtype: DType, values: &[f32], weights: Option<&[f32]>) -> f64 {
    let mut out = vec![0; dtype.row_bytes(COLS).unwrap()];
    let mut back = vec![0.0; COLS];
    let mut sum = 0.0;
    for row in values.chunks_exact(COLS) {
        encode(dtype, row, weights, &mut out).unwrap();
        dequantise(dtype, &out, &mut back);
        for (i, (value, back)) in row.iter().zip(&back).enumerate() {
            sum += f64::from(weights.map_or(1.0, |w| w[i])) * (f64::from(*value) - f64::from(*back)).powi(2);
        }
    }
    sum
}

#[test]
fn no_type_is_written_with_a_greater_error_than_ggml_writes_it() {
    let mut numbers = Numbers(1);
    let smooth: Vec<f32> = (0..ROWS * COLS).map(|_| numbers.smooth()).collect();
    let tailed: Vec<f32> = (0..ROWS * COLS).map(|_| numbers.tailed()).collect();
    let weights: Vec<f32> = (0..COLS).map(|_| numbers.weight()).collect();
    let mut compared = 0;
    for line in REFERENCE.lines() {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let dtype = *DType::ALL.iter().find(|dtype| dtype.name() == name).unwrap();
        if !TYPES.contains(&dtype) {
            continue;
        }
        compared += 1;
        let cases = [(&smooth, None), (&tailed, None), (&smooth, Some(&weights[..])), (&tailed, Some(&weights[..]))];
        for ((values, weights), theirs) in cases.into_iter().zip(words) {
            // Types that ggml writes under an importance matrix alone have no number without.
            let Ok(theirs) = theirs.parse::<f64>() else { continue };
            let ours = error(dtype, values, weights);
            assert!(ours <= theirs, "{name}, weights {}: {ours}, ggml's {theirs}", weights.is_some());
        }
    }
    let blocks = TYPES.iter().filter(|dtype| !dtype.is_float()).count();
    assert_eq!(compared, blocks, "types with a reference");
}
