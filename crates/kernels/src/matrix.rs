//! A borrowed view of stored weights.

use std::ops::Range;

use crate::DType;

/// Weights as they lie in a file: `rows` outputs by `cols` inputs, never copied, never widened.
///
/// Row order seen through the view is always the logical one; [`Matrix::with_rotary_pairs`] and
/// [`Matrix::transposed`] say how the file's order differs.
///
/// ```
/// use plimsoll_kernels::{DType, Matrix};
/// let bytes = [0u8; 2 * 3 * 4];
/// let w = Matrix::new(DType::F32, 2, 3, &bytes).unwrap();
/// assert_eq!((w.rows(), w.cols()), (2, 3));
/// assert!(Matrix::new(DType::F32, 2, 4, &bytes).is_err());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    dtype: DType,
    rows: usize,
    cols: usize,
    /// The whole stored tensor, also when this view shows a range of its rows.
    bytes: &'a [u8],
    /// Logical index, within the stored tensor, of this view's row 0.
    first: usize,
    pub(crate) layout: Layout,
}

/// How logical rows map to stored bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Row `i` is stored row `i`.
    Rows,
    /// Within each head, logical row `i` lies at `2i` (first half) or `2(i - head_dim/2) + 1` (second half).
    RotaryPairs { head_dim: usize },
    /// Stored `(cols, stride)`: output `i` of input `k` is element `k * stride + i`.
    Transposed { stride: usize },
}

/// Why a byte slice is not the matrix it was said to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MatrixError {
    /// Blocks do not divide the row, or the row's size overflows.
    #[error("a row of {cols} values does not divide into {dtype} blocks of {}", dtype.block_len())]
    PartialBlock {
        /// Stored type.
        dtype: DType,
        /// Values per row.
        cols: usize,
    },
    /// The slice has another length than the shape asks for.
    #[error("{rows} x {cols} values of {dtype} take {expected} bytes, found {found}")]
    Length {
        /// Stored type.
        dtype: DType,
        /// Outputs.
        rows: usize,
        /// Inputs.
        cols: usize,
        /// Bytes that the shape takes; `usize::MAX` if it overflows.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Heads do not divide the rows, or a head has no halves.
    #[error("{rows} rows do not divide into heads of an even {head_dim} rows")]
    Heads {
        /// Outputs.
        rows: usize,
        /// Rows per head.
        head_dim: usize,
    },
    /// A block type cannot be read across its rows.
    #[error("{0} weights cannot be stored transposed: only F32, F16 and BF16 can")]
    TransposedBlocks(DType),
    /// The rotary order of a transposed or already reordered matrix, or of a range of rows, is not defined.
    #[error("rotary pairs can only be declared once, for whole matrices stored by rows")]
    RotaryLayout,
}

impl<'a> Matrix<'a> {
    /// Weights stored row after row.
    ///
    /// # Errors
    /// If blocks do not divide `cols` or `bytes` has not exactly the length of the shape.
    pub fn new(dtype: DType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self, MatrixError> {
        let row_bytes = dtype.row_bytes(cols).ok_or(MatrixError::PartialBlock { dtype, cols })?;
        let matrix = Matrix { dtype, rows, cols, bytes, first: 0, layout: Layout::Rows };
        matrix.check_length(row_bytes.checked_mul(rows))
    }

    /// Weights stored input after input, `(cols, rows)`, as `x @ W` wants them: stacked experts in some safetensors files.
    ///
    /// # Errors
    /// If `dtype` is a block type or `bytes` has not exactly the length of the shape.
    pub fn transposed(dtype: DType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self, MatrixError> {
        if !dtype.is_float() {
            return Err(MatrixError::TransposedBlocks(dtype));
        }
        let matrix = Matrix { dtype, rows, cols, bytes, first: 0, layout: Layout::Transposed { stride: rows } };
        matrix.check_length(dtype.row_bytes(rows).and_then(|line| line.checked_mul(cols)))
    }

    fn check_length(self, expected: Option<usize>) -> Result<Self, MatrixError> {
        if expected == Some(self.bytes.len()) {
            return Ok(self);
        }
        let Matrix { dtype, rows, cols, bytes, .. } = self;
        Err(MatrixError::Length { dtype, rows, cols, expected: expected.unwrap_or(usize::MAX), found: bytes.len() })
    }

    /// Declares that the file keeps each head's rows in GGUF's interleaved rotary order; the view then shows
    /// Hugging Face's order of halves. Row lookups map, nothing moves.
    ///
    /// # Errors
    /// If heads do not divide the rows, or the matrix is a range, transposed or already reordered.
    pub fn with_rotary_pairs(self, head_dim: usize) -> Result<Self, MatrixError> {
        let whole =
            self.first == 0 && self.dtype.row_bytes(self.cols).map(|row| row * self.rows) == Some(self.bytes.len());
        if self.layout != Layout::Rows || !whole {
            return Err(MatrixError::RotaryLayout);
        }
        if head_dim == 0 || !head_dim.is_multiple_of(2) || !self.rows.is_multiple_of(head_dim) {
            return Err(MatrixError::Heads { rows: self.rows, head_dim });
        }
        Ok(Matrix { layout: Layout::RotaryPairs { head_dim }, ..self })
    }

    /// The same weights, showing only the outputs in `range` (the gate half of a fused projection, say).
    ///
    /// # Panics
    /// If `range` does not lie within `0..rows`.
    pub fn output_range(self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.rows, "outputs {range:?} of {} rows", self.rows);
        Matrix { first: self.first + range.start, rows: range.len(), ..self }
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Stored type.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Bytes that this view's weights take in the file.
    pub fn stored_bytes(&self) -> usize {
        self.rows * self.row_bytes()
    }

    /// Bytes of one row, were it stored as such.
    pub(crate) fn row_bytes(&self) -> usize {
        self.cols / self.dtype.block_len() * self.dtype.block_bytes()
    }

    /// The stored bytes of logical row `row`; not for transposed matrices.
    #[inline(always)] // a row can be as short as some cache lines
    pub(crate) fn row(&self, row: usize) -> &'a [u8] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        let stored = match self.layout {
            Layout::Rows => self.first + row,
            Layout::RotaryPairs { head_dim } => rotary_pair(self.first + row, head_dim),
            Layout::Transposed { .. } => unreachable!("rows of a transposed matrix are not contiguous"),
        };
        &self.bytes[stored * self.row_bytes()..][..self.row_bytes()]
    }

    /// The stored bytes from logical row `first` to the last of this view, if they follow one another in memory.
    pub(crate) fn bytes_from(&self, first: usize) -> Option<&'a [u8]> {
        let row = |row| (self.first + row) * self.row_bytes();
        (self.layout == Layout::Rows).then(|| &self.bytes[row(first)..row(self.rows)])
    }

    /// Where logical row `first` lies, and the bytes from each of `len` rows to the next, if they are equally far apart.
    #[inline]
    pub(crate) fn evenly_spaced(&self, first: usize, len: usize) -> Option<(*const u8, usize)> {
        let stride = match self.layout {
            Layout::Rows => self.row_bytes(),
            Layout::RotaryPairs { head_dim } if (self.first + first) % (head_dim / 2) + len <= head_dim / 2 => {
                2 * self.row_bytes()
            }
            _ => return None,
        };
        Some((self.row(first).as_ptr(), stride))
    }

    /// Outputs from one stored input to the next; for transposed matrices.
    pub(crate) fn stride(&self) -> usize {
        let Layout::Transposed { stride } = self.layout else { unreachable!("columns of a matrix stored by rows") };
        stride
    }

    /// The stored bytes from input `col`, output 0 of this view, to the end of the tensor; for transposed matrices.
    pub(crate) fn column_tail(&self, col: usize) -> &'a [u8] {
        &self.bytes[(col * self.stride() + self.first) * self.dtype.block_bytes()..]
    }
}

/// Where GGUF keeps row `row` of Hugging Face's order, heads being `head_dim` rows.
fn rotary_pair(row: usize, head_dim: usize) -> usize {
    let (head, within) = (row / head_dim * head_dim, row % head_dim);
    let half = head_dim / 2;
    head + if within < half { 2 * within } else { 2 * (within - half) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_length_is_refused_with_both_lengths() {
        let error = Matrix::new(DType::Q8_0, 2, 32, &[0; 67]).unwrap_err();
        assert_eq!(error.to_string(), "2 x 32 values of Q8_0 take 68 bytes, found 67");
        assert!(Matrix::new(DType::F32, usize::MAX, usize::MAX, &[]).is_err());
        assert!(Matrix::transposed(DType::BF16, 3, 2, &[0; 11]).is_err());
    }

    #[test]
    fn a_row_that_splits_a_block_is_refused() {
        let error = Matrix::new(DType::Q4_K, 1, 128, &[0; 72]).unwrap_err();
        assert_eq!(error, MatrixError::PartialBlock { dtype: DType::Q4_K, cols: 128 });
        assert_eq!(
            Matrix::transposed(DType::Q8_0, 32, 1, &[0; 34]).unwrap_err(),
            MatrixError::TransposedBlocks(DType::Q8_0)
        );
    }

    #[test]
    fn rotary_pairs_show_halves_of_what_is_stored_interleaved() {
        let stored: Vec<u8> = (0..16u8).flat_map(|row| f32::from(row).to_le_bytes()).collect();
        let w = Matrix::new(DType::F32, 16, 1, &stored).unwrap().with_rotary_pairs(8).unwrap();
        let seen: Vec<f32> = (0..16).map(|row| f32::from_le_bytes(w.row(row).try_into().unwrap())).collect();
        assert_eq!(seen, [0., 2., 4., 6., 1., 3., 5., 7., 8., 10., 12., 14., 9., 11., 13., 15.]);
        let second = w.output_range(9..11);
        assert_eq!(second.row(0), 10f32.to_le_bytes());
        assert_eq!(second.row(1), 12f32.to_le_bytes());
    }

    #[test]
    fn rotary_pairs_are_refused_where_they_make_no_sense() {
        let bytes = [0u8; 8 * 4];
        let w = Matrix::new(DType::F32, 8, 1, &bytes).unwrap();
        assert_eq!(w.with_rotary_pairs(3).unwrap_err(), MatrixError::Heads { rows: 8, head_dim: 3 });
        assert_eq!(w.with_rotary_pairs(0).unwrap_err(), MatrixError::Heads { rows: 8, head_dim: 0 });
        assert_eq!(w.output_range(0..4).with_rotary_pairs(4).unwrap_err(), MatrixError::RotaryLayout);
        assert_eq!(w.with_rotary_pairs(4).unwrap().with_rotary_pairs(4).unwrap_err(), MatrixError::RotaryLayout);
    }
}
