//! Rows on many threads, and a matrix piece by piece.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use plimsoll_kernels::Pool;

use crate::{EncodeError, Encoding};

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

/// Writes rows of `cols` values over `out`, as the type that holds `to` in memory, the first of them row `first`; `read` gives
/// as many rows as its buffer holds from a row on, and `weights` how much the columns of a row count, nothing where all count
/// alike. No more than a few rows for each thread are in memory, and the bytes are the same at any number of threads.
///
/// # Errors
/// The first row that [`Encoding::encode`] refuses.
///
/// # Panics
/// As [`Encoding::encode`], and if `out` is no whole rows.
pub fn encode_rows<'w>(
    pool: &Pool,
    to: impl Into<Encoding>,
    cols: usize,
    first: usize,
    read: impl Fn(usize, &mut [f32]) + Sync,
    weights: impl Fn(usize) -> Option<&'w [f32]> + Sync,
    out: &mut [u8],
) -> Result<(), RowError> {
    let to = to.into();
    let row_bytes = to.in_memory().row_bytes(cols).expect("whole blocks");
    assert!(out.len().is_multiple_of(row_bytes), "{} bytes in rows of {row_bytes}", out.len());
    let group = (HELD / cols).max(1);
    let refused: Mutex<Option<RowError>> = Mutex::new(None);
    pool.chunks_mut(out, group * row_bytes, |index, out| {
        let start = first + index * group;
        let mut values = vec![0.0; out.len() / row_bytes * cols];
        read(start, &mut values);
        for (i, (values, out)) in values.chunks_exact(cols).zip(out.chunks_exact_mut(row_bytes)).enumerate() {
            let row = start + i;
            let Err(error) = to.encode(values, weights(row), out) else { continue };
            let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
            if refused.is_none_or(|refused| row < refused.row) {
                *refused = Some(RowError { row, error });
            }
            return;
        }
    });
    refused.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Values that are read and written in one piece, where a row has no more.
const PIECE: usize = 1 << 21;

/// A matrix that is written piece by piece, so that no more of it is in memory than a piece.
#[derive(Clone, Copy)]
pub struct MatrixRows<'a> {
    /// Values of a row.
    pub cols: usize,
    /// Gives as many rows as its buffer holds from a row on.
    pub read: &'a (dyn Fn(usize, &mut [f32]) + Sync),
    /// How much the columns of a row count.
    pub weights: &'a (dyn Fn(usize) -> Option<&'a [f32]> + Sync),
}

impl MatrixRows<'_> {
    /// Writes some of the rows as the type that holds `to` in memory. `put` takes each piece, with the rows that it has;
    /// `refused` names the matrix to the row that cannot be written.
    ///
    /// # Errors
    /// What `refused` makes of the first such row, or what `put` returns.
    ///
    /// # Panics
    /// As [`encode_rows`].
    pub fn encode<E>(
        &self,
        pool: &Pool,
        to: impl Into<Encoding>,
        rows: Range<usize>,
        refused: impl Fn(RowError) -> E,
        mut put: impl FnMut(Range<usize>, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let to = to.into();
        let row_bytes = to.in_memory().row_bytes(self.cols).expect("whole blocks");
        let piece = (PIECE / self.cols.max(1)).max(1);
        let mut out = vec![0; piece.min(rows.len()) * row_bytes];
        for first in rows.clone().step_by(piece) {
            let piece = first..rows.end.min(first + piece);
            let out = &mut out[..piece.len() * row_bytes];
            encode_rows(pool, to, self.cols, first, self.read, self.weights, out).map_err(&refused)?;
            put(piece, out)?;
        }
        Ok(())
    }
}
