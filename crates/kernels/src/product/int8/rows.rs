//! Stripes: as many rows as a register has 32-bit lanes, which the kernels multiply side by side.

use crate::Matrix;
use crate::blocks::STEP;
use crate::vector::Vector;

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

    /// The rows from byte `at` on, good for `bytes` bytes: where they lie in the file, or else copied to `stage`.
    #[inline(always)]
    pub unsafe fn step(&self, at: usize, bytes: usize, stage: &mut Stage) -> Rows {
        match self.rows {
            Some(rows) => rows.at(at),
            None => self.staged(at, bytes, stage),
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
            row_bytes if row_bytes == stride => Ahead::rows(base, stride, self.len * row_bytes, 1),
            row_bytes => Ahead::rows(base, stride, row_bytes, self.len),
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
    /// The next line, and where the run of bytes that it belongs to ends.
    at: *const u8,
    end: *const u8,
    /// From the start of a run to that of the next, and the bytes of each.
    stride: usize,
    run_bytes: usize,
    /// Runs left, this one included: rows, or all of them where they touch.
    runs: usize,
}

impl Ahead {
    pub fn nothing() -> Ahead {
        Ahead::rows(std::ptr::null(), 0, 0, 0)
    }

    fn rows(base: *const u8, stride: usize, run_bytes: usize, runs: usize) -> Ahead {
        let end = base.wrapping_add(if runs > 0 { run_bytes } else { 0 });
        Ahead { at: base, end, stride, run_bytes, runs }
    }

    /// Cache lines that hold `bytes` bytes.
    pub const fn lines(bytes: usize) -> usize {
        bytes.div_ceil(CACHE_LINE)
    }

    /// Asks for the next `lines` cache lines, or as many as are left.
    #[inline(always)]
    pub unsafe fn fetch<V: Vector>(&mut self, lines: usize) {
        let mut i = 0;
        while i < lines && self.at < self.end {
            V::prefetch_far(self.at);
            self.at = self.at.wrapping_add(CACHE_LINE);
            if self.at >= self.end && self.runs > 1 {
                self.next_run();
            }
            i += 1;
        }
    }

    #[cold]
    fn next_run(&mut self) {
        self.runs -= 1;
        self.end = self.end.wrapping_add(self.stride);
        self.at = self.end.wrapping_sub(self.run_bytes);
    }
}
