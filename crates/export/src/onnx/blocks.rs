//! Matrices as `MatMulNBits` has them: whole numbers of 4 or 8 bits under a scale for each group of a row.
//!
//! Its 4-bit blocks of 32 are `Q4_0`'s, its 8-bit ones hold all that `Q8_0` can say, to the last bit; so weights are fitted as
//! those types are, and what a file holds in them is carried over as it is. Types of more or of uneven codes fit the 8 bits;
//! an offset of each group becomes a second product, of the sums of each group of the input, as the operation's own
//! fractional zero points are dozens of times slower (measured with ONNX Runtime 1.32).

use half::f16;
use plimsoll_formats::Tensor;
use plimsoll_kernels::{DType, Pool, block_groups};
use plimsoll_quantise::{Columns, MatrixRows};

use super::error::OnnxError;
use super::proto::ElementType;
use super::weights::refused;

/// A matrix that is written in blocks.
#[derive(Clone, Debug)]
pub(crate) struct BlockMatrix {
    /// `(rows, cols)`
    pub tensor: Tensor,
    /// The type whose codes and scales are written: the tensor's own, or of floats what they are fitted to.
    pub dtype: DType,
    /// How scales and offsets are written.
    pub scales: ElementType,
    /// How much its columns count, if that is known.
    pub columns: Option<Columns>,
}

/// Bytes of blocks that are carried over in one piece.
const COPIED: usize = 1 << 22;

/// Some rows.
#[derive(Default)]
pub(crate) struct Pieces {
    /// `(rows, groups, group_len * bits / 8)`
    pub codes: Vec<u8>,
    /// `(rows, groups)`
    pub scales: Vec<u8>,
    /// `(rows, groups)`; empty of a type without offsets.
    pub offsets: Vec<u8>,
}

impl BlockMatrix {
    pub fn rows(&self) -> usize {
        self.tensor.shape()[0]
    }

    pub fn cols(&self) -> usize {
        self.tensor.shape()[1]
    }

    /// Bits of a code.
    pub fn bits(&self) -> usize {
        bits(self.dtype)
    }

    /// Values under one scale.
    pub fn group_len(&self) -> usize {
        self.dtype.group_len()
    }

    /// Groups of a row, the last of them filled up with zeros.
    pub fn groups(&self) -> usize {
        self.cols().div_ceil(self.group_len())
    }

    /// Bytes of a group's codes.
    pub fn group_bytes(&self) -> usize {
        self.group_len() * self.bits() / 8
    }

    /// Hands over codes, scales and offsets of some rows after the other.
    pub fn each_piece(
        &self,
        pool: &Pool,
        mut put: impl FnMut(Pieces) -> Result<(), OnnxError>,
    ) -> Result<(), OnnxError> {
        let padded = self.cols().next_multiple_of(self.dtype.block_len());
        let row_bytes = self.dtype.row_bytes(padded).expect("whole blocks");
        let mut put = |blocks: &[u8]| {
            let mut pieces = Pieces::default();
            blocks.chunks_exact(row_bytes).for_each(|row| self.add_row(row, padded, &mut pieces));
            put(pieces)
        };
        if self.tensor.dtype() == self.dtype {
            let all: Vec<usize> = (0..self.rows()).collect();
            return all.chunks((COPIED / row_bytes).max(1)).try_for_each(|rows| {
                put(&rows.iter().flat_map(|row| self.tensor.row_bytes(*row)).copied().collect::<Vec<u8>>())
            });
        }
        let columns = self.columns.clone().map(|columns| columns.followed_by(padded - self.cols()));
        let rows = MatrixRows {
            cols: padded,
            read: &|first, out| self.read_padded(first, padded, out),
            weights: &|row| columns.as_ref()?.of_row(row),
        };
        let refused = |error| refused(&self.tensor, error);
        rows.encode(pool, self.dtype, 0..self.rows(), refused, |_, blocks| put(blocks))
    }

    /// Rows from `first` on, each followed by zeros.
    fn read_padded(&self, first: usize, padded: usize, out: &mut [f32]) {
        if padded == self.cols() {
            return self.tensor.read_rows(first, out);
        }
        for (row, out) in out.chunks_exact_mut(padded).enumerate() {
            self.tensor.read_rows(first + row, &mut out[..self.cols()]);
        }
    }

    /// Codes stand from 0 on, so that what they stand for is theirs less half their range.
    fn add_row(&self, row: &[u8], padded: usize, to: &mut Pieces) {
        let n_groups = padded / self.group_len();
        let (mut codes, mut scales, mut offsets) = (vec![0; padded], vec![0.0; n_groups], vec![0.0; n_groups]);
        block_groups(self.dtype, row, &mut codes, &mut scales, &mut offsets);
        let n_kept = self.groups();
        match self.bits() {
            4 => {
                // Codes with an offset begin at 0 already: the middle of their range goes into the offset.
                let from = if self.dtype.has_offsets() { 0 } else { 8 };
                let pairs = codes[..n_kept * self.group_len()].as_chunks::<2>().0;
                to.codes.extend(pairs.iter().map(|[low, high]| (low + from) as u8 | ((high + from) as u8) << 4));
                offsets.iter_mut().zip(&scales).for_each(|(offset, scale)| *offset += 8.0 * scale);
            }
            _ => to.codes.extend(codes[..n_kept * self.group_len()].iter().map(|code| (*code as u8).wrapping_add(128))),
        }
        self.put(&scales[..n_kept], &mut to.scales);
        if self.dtype.has_offsets() {
            self.put(&offsets[..n_kept], &mut to.offsets);
        }
    }

    fn put(&self, values: &[f32], to: &mut Vec<u8>) {
        match self.scales {
            ElementType::F16 => to.extend(values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes())),
            _ => to.extend(values.iter().flat_map(|value| value.to_le_bytes())),
        }
    }
}

/// Bits of a code that a type's are written as.
fn bits(dtype: DType) -> usize {
    if matches!(dtype, DType::Q4_0 | DType::Q4_1 | DType::Q4_K) { 4 } else { 8 }
}

/// Bytes that a row of `cols` values takes as `dtype`, with the scales and offsets of its groups as `scales`.
pub(crate) fn row_bytes(dtype: DType, scales: ElementType, cols: usize) -> usize {
    if dtype.is_float() {
        return cols * scales.bytes() as usize;
    }
    let groups = cols.div_ceil(dtype.group_len());
    let beside = scales.bytes() as usize * if dtype.has_offsets() { 2 } else { 1 };
    groups * (dtype.group_len() * bits(dtype) / 8 + beside)
}
