//! Strips: as many rows as a register has 32-bit lanes, which the kernels multiply side by side.

use std::ops::Range;

use super::bytes::Bytes;
use crate::Matrix;
use crate::blocks::STEP;
use crate::vector::Vector;

/// Most rows of a strip, at any level.
pub(super) const MOST: usize = 16;
/// Most bytes of a step of any type: 256 values of `AFFINE8`.
const STEP_BYTES: usize = STEP / 32 * 40;
const CACHE_LINE: usize = 64;
/// Bytes that are asked for before they are multiplied, at least: what memory delivers in the time that it takes to answer.
const LEAST_AHEAD: usize = 8 << 10;

/// Rows at equal distances in memory.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    /// Row 0, and bytes from one row to the next.
    pub base: *const u8,
    pub stride: usize,
}

impl Rows {
    #[inline(always)]
    pub unsafe fn row(self, row: usize) -> *const u8 {
        self.base.add(row * self.stride)
    }

    /// Asks for the first `bytes` bytes of some rows.
    #[inline(always)]
    pub unsafe fn fetch<B: Bytes>(self, rows: Range<usize>, bytes: usize) {
        let mut row = rows.start;
        while row < rows.end {
            fetch_lines::<B>(self.row(row), bytes);
            row += 1;
        }
    }

    /// The same rows, `bytes` later.
    #[inline(always)]
    pub unsafe fn at(self, bytes: usize) -> Rows {
        Rows { base: self.base.add(bytes), ..self }
    }
}

/// The rows `first .. first + len` of a matrix, in steps of [`STEP`] values.
#[derive(Clone, Copy)]
pub(super) struct RowStrip<'a> {
    w: &'a Matrix<'a>,
    first: usize,
    /// Rows whose results count, at most the level's.
    pub len: usize,
    /// Where the rows lie; `None` if there are too few, or they are not evenly spaced.
    rows: Option<Rows>,
}

impl<'a> RowStrip<'a> {
    /// The strip of `most` rows, or as many as there are before `end`, from `first` on.
    #[inline(always)]
    pub unsafe fn new(w: &'a Matrix<'a>, first: usize, end: usize, most: usize) -> RowStrip<'a> {
        let len = most.min(end - first);
        let spaced = if len == most { w.evenly_spaced(first, len) } else { None };
        let rows = spaced.map(|(base, stride)| Rows { base, stride });
        RowStrip { w, first, len, rows }
    }

    /// The rows from byte `at` on, good for `bytes` bytes: where they lie in the file, or else copied to `stage`.
    #[inline(always)]
    pub unsafe fn step(&self, at: usize, bytes: usize, stage: &mut Stage) -> Rows {
        match self.rows {
            Some(rows) => rows.at(at),
            None => self.staged(at, bytes, stage),
        }
    }

    /// The rows from byte `at` on, if they need no stage.
    #[inline(always)]
    pub unsafe fn rows_from(&self, at: usize) -> Option<Rows> {
        self.rows.map(|rows| rows.at(at))
    }

    /// Lanes without a row keep what the stage holds: any bytes are blocks, and nobody reads their results.
    #[cold]
    unsafe fn staged(&self, at: usize, bytes: usize, stage: &mut Stage) -> Rows {
        for i in 0..self.len {
            stage.0[i][..bytes].copy_from_slice(&self.w.row(self.first + i)[at..][..bytes]);
        }
        Rows { base: stage.0.as_ptr().cast(), stride: STEP_BYTES }
    }
}

/// Room for one step of rows that are not evenly spaced.
pub(super) struct Stage([[u8; STEP_BYTES]; MOST]);

/// A walk over the bytes of the strips to come, as much of them as is multiplied meanwhile: streams of single rows are
/// too short for the hardware to run ahead of.
pub(super) struct Ahead {
    /// What comes next, of the first row where they do not touch.
    at: *const u8,
    stride: usize,
    /// Where the matrix ends, if its rows touch: in the order of memory then, on into what the next task multiplies.
    end: Option<*const u8>,
}

impl Ahead {
    /// Asks for the first strip of a task; where rows touch, for [`LEAST_AHEAD`] at least.
    #[inline(always)]
    pub unsafe fn new<B: Bytes>(strip: &RowStrip) -> Ahead {
        let mut ahead = Ahead { at: std::ptr::null(), stride: 0, end: None };
        let strip_bytes = B::ROWS * strip.w.row_bytes();
        if let Some(touching) = strip.w.bytes_from(strip.first) {
            let Range { start, end } = touching.as_ptr_range();
            (ahead.at, ahead.end) = (start, Some(end));
            ahead.fetch::<B>(strip_bytes.max(LEAST_AHEAD));
        } else {
            ahead.turn_to(strip);
            ahead.fetch::<B>(strip_bytes);
        }
        ahead
    }

    /// Goes on with `strip`, where rows do not touch; where they do, it goes on by itself.
    #[inline(always)]
    pub fn turn_to(&mut self, strip: &RowStrip) {
        if self.end.is_none() {
            (self.at, self.stride) = strip.rows.map_or((std::ptr::null(), 0), |rows| (rows.base, rows.stride));
        }
    }

    /// Asks for `bytes` more, of all rows together.
    #[inline(always)]
    pub unsafe fn fetch<B: Bytes>(&mut self, bytes: usize) {
        if let Some(end) = self.end {
            if self.at < end {
                fetch_lines::<B>(self.at, bytes);
                self.at = self.at.wrapping_add(bytes);
            }
        } else {
            let of_row = bytes / B::ROWS;
            Rows { base: self.at, stride: self.stride }.fetch::<B>(0..B::ROWS, of_row);
            self.at = self.at.wrapping_add(of_row);
        }
    }
}

#[inline(always)]
unsafe fn fetch_lines<B: Bytes>(from: *const u8, bytes: usize) {
    let mut at = 0;
    while at < bytes {
        B::Floats::prefetch(from.wrapping_add(at));
        at += CACHE_LINE;
    }
}
