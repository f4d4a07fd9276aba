//! How single matrices are stored, and how much their columns count.

use std::collections::BTreeMap;

use plimsoll_kernels::DType;
use plimsoll_quantise::Columns;

use super::blocks;
use super::precision::Precision;

/// What is known of single matrices, by their canonical names.
#[derive(Debug, Clone, Default)]
pub struct Matrices {
    /// The types of those that are not stored as the precision stores all: one of [`Matrices::TYPES`], or floats, which are
    /// those of the precision.
    pub types: BTreeMap<String, DType>,
    /// How much the columns count of those that are fitted to blocks.
    pub columns: BTreeMap<String, Columns>,
}

impl Matrices {
    /// The types that matrices are fitted to, the most precise first: 8 bits, 4 bits with an offset for each group, which
    /// costs a second product, and 4 bits around zero. Other types of 4 bits are carried over in the same bytes, and say less.
    pub const TYPES: [DType; 3] = [DType::Q8_0, DType::Q4_1, DType::Q4_0];

    /// Bytes that a row of `cols` values takes as `dtype` beside what `precision` has in floats.
    pub fn row_bytes(dtype: DType, precision: Precision, cols: usize) -> usize {
        blocks::row_bytes(dtype, precision.float(), cols)
    }
}
