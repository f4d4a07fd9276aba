//! Any block type, by way of its codes.

use super::{Sink, Unpack};
use crate::DType;
use crate::blocks::Codes;
use crate::vector::Vector;

/// Reads a block's codes into the cache, then widens them from there. `VALUES` is the block's length.
#[derive(Clone, Copy)]
pub(crate) struct Coded<const VALUES: usize> {
    dtype: DType,
    decode: Decode,
}

/// [`crate::blocks::decode`], as compiled for a level.
pub(crate) type Decode = unsafe fn(DType, &[u8], &mut Codes);

impl<const VALUES: usize> Coded<VALUES> {
    pub fn new(dtype: DType, decode: Decode) -> Self {
        debug_assert_eq!(dtype.block_len(), VALUES);
        Coded { dtype, decode }
    }
}

/// Values of a part.
const PART: usize = 32;

impl<V: Vector, const VALUES: usize> Unpack<V> for Coded<VALUES> {
    type Shared = Codes;
    const PARTS: usize = VALUES / PART;

    #[inline(always)]
    fn dtype(self) -> DType {
        self.dtype
    }

    #[inline(always)]
    fn values(self) -> usize {
        VALUES
    }

    #[inline(always)]
    unsafe fn load_shared(self, src: *const u8) -> Codes {
        let mut codes = Codes::new();
        (self.decode)(self.dtype, std::slice::from_raw_parts(src, self.dtype.block_bytes()), &mut codes);
        codes
    }

    #[inline(always)]
    unsafe fn part(self, _: *const u8, block: &Codes, part: usize, sink: &mut impl Sink<V>) {
        let (len, offsets) = (self.dtype.group_len(), self.dtype.has_offsets());
        let mut at = part * PART;
        while at < (part + 1) * PART {
            let codes = V::load_i8(block.codes.as_ptr().add(at));
            let scale = V::splat(block.scales[at / len]);
            sink.put(
                at / V::LANES,
                match offsets {
                    true => codes.mul_add(scale, V::splat(block.offsets[at / len])),
                    false => codes.mul(scale),
                },
            );
            at += V::LANES;
        }
    }
}
