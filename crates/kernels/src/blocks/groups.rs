//! A block in whole numbers, for whoever writes its values in another format.

use super::codes::{Codes, decode};
use crate::DType;

/// A block as codes under scales: value `i` is `scale(i) * codes()[i] + offset(i)`.
///
/// ```
/// use plimsoll_kernels::{BlockGroups, DType};
/// let mut block = [0; 34];
/// block[..2].copy_from_slice(&[0x00, 0x38]); // one half
/// block[2] = 3;
/// let groups = BlockGroups::of(DType::Q8_0, &block).unwrap();
/// assert_eq!((groups.codes()[0], groups.scale(0), groups.offset(0)), (3, 0.5, 0.0));
/// ```
pub struct BlockGroups {
    dtype: DType,
    codes: Codes,
}

impl BlockGroups {
    /// Reads one block; `None` of floats, or of another number of bytes.
    pub fn of(dtype: DType, block: &[u8]) -> Option<BlockGroups> {
        if dtype.is_float() || block.len() != dtype.block_bytes() {
            return None;
        }
        let mut codes = Codes::new();
        decode(dtype, block, &mut codes);
        Some(BlockGroups { dtype, codes })
    }

    /// The code of each value.
    pub fn codes(&self) -> &[i8] {
        &self.codes.codes[..self.dtype.block_len()]
    }

    /// What the code of value `i` is multiplied with.
    pub fn scale(&self, i: usize) -> f32 {
        self.codes.scales[i / self.dtype.group_len()]
    }

    /// What is added to the product for value `i`.
    pub fn offset(&self, i: usize) -> f32 {
        if self.dtype.has_offsets() { self.codes.offsets[i / self.dtype.group_len()] } else { 0.0 }
    }
}
