//! The same bytes at every instruction-set level.

use crate::common::Numbers;
use plimsoll_kernels::{DType, Isa};
use plimsoll_quantise::{TYPES, encode_at};

/// Rows of an odd number of eights of blocks: of a model's values, and of those at which every step is a tie.
fn rows() -> Vec<Vec<f32>> {
    let (cols, mut numbers) = (1280, Numbers(7));
    let mut rows: Vec<Vec<f32>> = Vec::new();
    rows.push((0..cols).map(|_| numbers.smooth()).collect());
    rows.push((0..cols).map(|_| numbers.tailed()).collect());
    rows.push((0..cols).map(|i| (i % 17) as f32 / 8.0 - 1.0).collect());
    rows.push((0..cols).map(|i| if i % 96 == 5 { -0.75 } else { 0.0 }).collect());
    rows.push((0..cols).map(|i| if i < 300 { 1e-30 } else { -6e4 / (i + 1) as f32 }).collect());
    rows
}

fn written(isa: Isa, dtype: DType, row: &[f32], weights: Option<&[f32]>) -> Vec<u8> {
    let mut out = vec![0; dtype.row_bytes(row.len()).unwrap()];
    encode_at(isa, dtype, row, weights, &mut out).unwrap();
    out
}

#[test]
fn every_level_writes_the_same_bytes() {
    let (rows, mut numbers) = (rows(), Numbers(8));
    let weights: Vec<f32> = (0..rows[0].len()).map(|_| numbers.weight()).collect();
    for dtype in TYPES {
        for (i, row) in rows.iter().enumerate() {
            for weights in [None, Some(&weights[..])] {
                let scalar = written(Isa::Scalar, dtype, row, weights);
                for isa in Isa::available() {
                    let there = written(isa, dtype, row, weights);
                    assert!(there == scalar, "{dtype} at {isa}, row {i}, weights {}", weights.is_some());
                }
            }
        }
    }
}
