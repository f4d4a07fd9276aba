//! Rows on many threads.

use std::sync::{Mutex, PoisonError};

use plimsoll_kernels::{DType, Pool, dequantise};

use crate::{EncodeError, encode};

/// A row that cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("row {row}, {error}")]
pub struct RowError {
    /// Which, from 0: the first such.
    pub row: usize,
    /// Why.
    pub error: EncodeError,
}

/// Values that a thread holds at once, where a row has no more.
const HELD: usize = 1 << 15;

/// Writes rows of `cols` values as `dtype` over `out`, the first of them row `first`; `read` gives as many rows as its
/// buffer holds from a row on, and `weights` how much the columns of a row count, nothing where all count alike. No more than
/// a few rows for each thread are in memory, and the bytes are the same at any number of threads.
///
/// # Errors
/// The first row that [`encode`] refuses.
///
/// # Panics
/// As [`encode`], and if `out` is no whole rows.
pub fn encode_rows<'w>(
    pool: &Pool,
    dtype: DType,
    cols: usize,
    first: usize,
    read: impl Fn(usize, &mut [f32]) + Sync,
    weights: impl Fn(usize) -> Option<&'w [f32]> + Sync,
    out: &mut [u8],
) -> Result<(), RowError> {
    let row_bytes = dtype.row_bytes(cols).expect("whole blocks");
    assert!(out.len().is_multiple_of(row_bytes), "{} bytes in rows of {row_bytes}", out.len());
    let group = (HELD / cols).max(1);
    let refused: Mutex<Option<RowError>> = Mutex::new(None);
    pool.chunks_mut(out, group * row_bytes, |index, out| {
        let start = first + index * group;
        let mut values = vec![0.0; out.len() / row_bytes * cols];
        read(start, &mut values);
        for (i, (values, out)) in values.chunks_exact(cols).zip(out.chunks_exact_mut(row_bytes)).enumerate() {
            let row = start + i;
            let Err(error) = encode(dtype, values, weights(row), out) else { continue };
            let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
            if refused.is_none_or(|refused| row < refused.row) {
                *refused = Some(RowError { row, error });
            }
            return;
        }
    });
    refused.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// What rows lose as `dtype`: the squared error under `weights`, one for each column, summed in f64.
///
/// # Errors
/// The first row that [`encode`] refuses.
///
/// # Panics
/// As [`encode`], and if `rows` are no whole rows.
pub fn squared_error(dtype: DType, cols: usize, rows: &[f32], weights: Option<&[f32]>) -> Result<f64, EncodeError> {
    let mut bytes = vec![0; dtype.row_bytes(cols).expect("whole blocks")];
    let (mut back, mut error) = (vec![0.0; cols], 0.0);
    for row in rows.chunks_exact(cols) {
        encode(dtype, row, weights, &mut bytes)?;
        dequantise(dtype, &bytes, &mut back);
        let off = row.iter().zip(&back).map(|(value, back)| f64::from(value - back).powi(2));
        error += match weights {
            Some(weights) => off.zip(weights).map(|(off, weight)| off * f64::from(*weight)).sum::<f64>(),
            None => off.sum(),
        };
    }
    Ok(error)
}
