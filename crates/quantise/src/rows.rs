//! Rows on many threads.

use std::sync::{Mutex, PoisonError};

use plimsoll_kernels::{DType, Pool};

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

/// Writes rows of `cols` values as `dtype` over `out`; `weights`, one for each column, count in every row. The bytes are
/// the same at any number of threads.
///
/// # Errors
/// The first row that [`encode`] refuses.
///
/// # Panics
/// As [`encode`], and if `values` are no whole rows.
pub fn encode_rows(
    pool: &Pool,
    dtype: DType,
    cols: usize,
    values: &[f32],
    weights: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), RowError> {
    assert!(values.len().is_multiple_of(cols), "{} values in rows of {cols}", values.len());
    let row_bytes = dtype.row_bytes(cols).expect("whole blocks");
    assert_eq!(out.len(), values.len() / cols * row_bytes, "bytes of the rows");
    let first: Mutex<Option<RowError>> = Mutex::new(None);
    pool.chunks_mut(out, row_bytes, |row, out| {
        if let Err(error) = encode(dtype, &values[row * cols..][..cols], weights, out) {
            let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.is_none_or(|first| row < first.row) {
                *first = Some(RowError { row, error });
            }
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
