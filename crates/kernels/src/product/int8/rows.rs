//! Stripes: as many rows as a register has 32-bit lanes, which the kernels multiply side by side.

use crate::blocks::STEP;
use crate::vector::Vector;
use crate::{DType, Matrix};

/// Most rows of a stripe, at any level.
pub(super) const MOST: usize = 16;
/// Most bytes of a step of any type: 256 values of `Q8_0`.
const STEP_BYTES: usize = STEP / 32 * 34;
const CACHE_LINE: usize = 64;

/// Rows at equal distances in memory.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// Row 0, and bytes from one row to the next; the stored order may run backwards.
    pub base: *const u8,
    pub stride: usize,
}

impl Rows {
    #[inline(always)]
    pub unsafe fn row(self, row: usize) -> *const u8 {
        self.base.add(row * self.stride)
    }

    /// The same rows, `bytes` later.
    #[inline(always)]
    pub unsafe fn at(self, bytes: usize) -> Rows {
        Rows { base: self.base.add(bytes), ..self }
    }
}

/// Bytes of `values` values of a row, whole blocks.
#[inline(always)]
pub(super) fn bytes_of(dtype: DType, values: usize) -> usize {
    values / dtype.block_len() * dtype.block_bytes()
}

/// The rows `first .. first + len` of a matrix, in steps of [`STEP`] values.
pub(super) struct Stripe<'a> {
    w: &'a Matrix<'a>,
    first: usize,
    /// Rows whose results count, at most the level's.
    pub len: usize,
    /// Where the rows lie; `None` if there are too few, or they are not evenly spaced.
    rows: Option<Rows>,
}

impl<'a> Stripe<'a> {
    /// The stripe of `most` rows, or as many as there are before `end`, from `first` on.
    #[inline(always)]
    pub unsafe fn new(w: &'a Matrix<'a>, first: usize, end: usize, most: usize) -> Stripe<'a> {
        let len = most.min(end - first);
        let rows = if len == most { evenly_spaced(w, first, len) } else { None };
        Stripe { w, first, len, rows }
    }

    /// The rows from `col` on, good for `values` values: where they lie in the file, or else copied to `stage`.
    #[inline(always)]
    pub unsafe fn step(&self, col: usize, values: usize, stage: &mut Stage) -> Rows {
        let at = bytes_of(self.w.dtype(), col);
        match self.rows {
            Some(rows) => rows.at(at),
            None => self.staged(at, bytes_of(self.w.dtype(), values), stage),
        }
    }

    /// Lanes without a row keep what the stage holds: any bytes are blocks, and nobody reads their results.
    #[cold]
    unsafe fn staged(&self, at: usize, bytes: usize, stage: &mut Stage) -> Rows {
        for i in 0..self.len {
            stage.0[i][..bytes].copy_from_slice(&self.w.row(self.first + i)[at..][..bytes]);
        }
        Rows { base: stage.0.as_ptr().cast(), stride: STEP_BYTES }
    }

    /// What [`Ahead::fetch`] asks for of this stripe.
    pub fn ahead(&self) -> Ahead {
        let Some(Rows { base, stride }) = self.rows else { return Ahead::nothing() };
        match self.w.row_bytes() {
            row_bytes if row_bytes == stride => {
                Ahead { row: base, stride, row_bytes: self.len * row_bytes, at: 0, due: 0, left: 1 }
            }
            row_bytes => Ahead { row: base, stride, row_bytes, at: 0, due: 0, left: self.len },
        }
    }
}

fn evenly_spaced(w: &Matrix, first: usize, len: usize) -> Option<Rows> {
    let base = w.row(first).as_ptr();
    let stride = (w.row(first + 1).as_ptr() as usize).checked_sub(base as usize)?;
    let even = (2..len).all(|i| w.row(first + i).as_ptr() as usize == base as usize + i * stride);
    even.then_some(Rows { base, stride })
}

/// Room for one step of rows that are not evenly spaced.
pub(super) struct Stage([[u8; STEP_BYTES]; MOST]);

/// A walk over the cache lines of a stripe in the order of memory, while the stripe before it is multiplied: memory
/// gives most when it is read in order, and streams of single rows are too short for the hardware to run ahead of.
pub(super) struct Ahead {
    row: *const u8,
    stride: usize,
    row_bytes: usize,
    /// Bytes of `row` that have been asked for, and that are to be.
    at: usize,
    due: usize,
    /// Rows left, `row` included; rows that touch count as one.
    left: usize,
}

impl Ahead {
    pub fn nothing() -> Ahead {
        Ahead { row: std::ptr::null(), stride: 0, row_bytes: 0, at: 0, due: 0, left: 0 }
    }

    /// Asks for the next `bytes` bytes, or as many as are left.
    #[inline(always)]
    pub unsafe fn fetch<V: Vector>(&mut self, bytes: usize) {
        self.due = self.due.saturating_add(bytes);
        while self.at < self.due && self.left > 0 {
            V::prefetch_far(self.row.add(self.at));
            self.at += CACHE_LINE;
            if self.at >= self.row_bytes {
                self.due -= self.row_bytes.min(self.due);
                (self.row, self.at) = (self.row.wrapping_add(self.stride), 0);
                self.left -= 1;
            }
        }
    }
}
