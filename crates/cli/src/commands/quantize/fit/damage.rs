//! What each way of storing each tensor would lose: a share of what it computes, times how much that counts.

use std::sync::{Mutex, PoisonError};

use plimsoll_kernels::{DType, Pool};
use plimsoll_models::export::Exported;
use plimsoll_quantise::{EncodeError, squared_error};

use super::super::weighing::Columns;

/// Ways of storing a tensor, the most precise first: what this program and llama.cpp multiply fast.
pub const WAYS: [DType; 13] = [
    DType::Q8_0,
    DType::Q6_K,
    DType::Q5_1,
    DType::Q5_K,
    DType::Q5_0,
    DType::Q4_1,
    DType::Q4_K,
    DType::Q4_0,
    DType::IQ4_NL,
    DType::IQ4_XS,
    DType::Q3_K,
    DType::IQ3_S,
    DType::Q2_K,
];

/// Rows of a tensor that stand for all of them, spread evenly.
const ROWS: usize = 64;

/// The share of the mean square of a tensor's products that each of `ways` loses, on a sample of its rows. Columns count by
/// the mean square of their inputs, taken to be independent.
///
/// # Errors
/// A value that cannot be stored, by tensor.
pub fn shares(
    pool: &Pool,
    tensor: &Exported,
    columns: Option<&Columns>,
    ways: &[DType],
) -> Result<Vec<f64>, plimsoll_formats::FormatError> {
    let (cols, rows) = (tensor.cols(), tensor.rows());
    let n = rows.min(ROWS);
    let sampled: Vec<usize> = (0..n).map(|i| i * rows / n).collect();
    let mut values = vec![0.0; n * cols];
    for (row, values) in sampled.iter().zip(values.chunks_exact_mut(cols)) {
        tensor.read_rows(*row, values);
    }
    let weights = |i: usize| columns.and_then(|columns| columns.of_row(sampled[i]));
    let power: f64 = values.chunks_exact(cols).enumerate().map(|(i, row)| power(row, weights(i))).sum();
    if power == 0.0 {
        return Ok(vec![0.0; ways.len()]);
    }
    let mut lost = vec![0.0f64; ways.len()];
    let refused: Mutex<Option<EncodeError>> = Mutex::new(None);
    pool.chunks_mut(&mut lost, 1, |way, lost| {
        for (i, row) in values.chunks_exact(cols).enumerate() {
            match squared_error(ways[way], cols, row, weights(i)) {
                Ok(error) => lost[0] += error,
                Err(error) => *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
            }
        }
    });
    match refused.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(tensor.error(error.to_string())),
        None => Ok(lost.into_iter().map(|lost| lost / power).collect()),
    }
}

fn power(row: &[f32], weights: Option<&[f32]>) -> f64 {
    let square = |value: &f32| f64::from(*value) * f64::from(*value);
    match weights {
        Some(weights) => row.iter().zip(weights).map(|(value, weight)| square(value) * f64::from(*weight)).sum(),
        None => row.iter().map(square).sum(),
    }
}
