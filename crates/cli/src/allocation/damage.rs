//! What each way of storing a tensor would lose: a share of what it computes.

use std::sync::{Mutex, PoisonError};

use plimsoll_kernels::Pool;
use plimsoll_quantise::{EncodeError, Encoding};

use super::Choice;

/// Rows of a tensor that stand for all of them, spread evenly.
const ROWS: usize = 64;

/// The share of the mean square of a tensor's products that each of its ways loses, on a sample of the rows that `read`
/// gives. Columns count by the mean square of their inputs, taken to be independent.
///
/// # Errors
/// A value that cannot be stored.
pub fn shares(pool: &Pool, choice: &Choice, read: impl Fn(usize, &mut [f32])) -> Result<Vec<f64>, EncodeError> {
    let (cols, rows) = (choice.cols, choice.rows);
    let n = rows.min(ROWS);
    let sampled: Vec<usize> = (0..n).map(|i| i * rows / n).collect();
    let mut values = vec![0.0; n * cols];
    for (row, values) in sampled.iter().zip(values.chunks_exact_mut(cols)) {
        read(*row, values);
    }
    let weights = |i: usize| choice.columns.as_ref().and_then(|columns| columns.of_row(sampled[i]));
    let power: f64 = values.chunks_exact(cols).enumerate().map(|(i, row)| power(row, weights(i))).sum();
    let mut lost = vec![0.0f64; choice.ways.len()];
    if power == 0.0 {
        return Ok(lost);
    }
    let refused: Mutex<Option<EncodeError>> = Mutex::new(None);
    pool.chunks_mut(&mut lost, 1, |way, lost| {
        let to = choice.ways[way].to;
        // As it is, nothing is lost.
        if to == Encoding::Type(choice.from) {
            return;
        }
        match to.squared_error(cols, &values, weights) {
            Ok(error) => lost[0] = error / power,
            Err(error) => *refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
        }
    });
    refused.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(lost), Err)
}

fn power(row: &[f32], weights: Option<&[f32]>) -> f64 {
    let square = |value: &f32| f64::from(*value) * f64::from(*value);
    match weights {
        Some(weights) => row.iter().zip(weights).map(|(value, weight)| square(value) * f64::from(*weight)).sum(),
        None => row.iter().map(square).sum(),
    }
}
