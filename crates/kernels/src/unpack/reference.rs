//! Any block type, by way of its scalar reference.

use super::{Sink, Unpack};
use crate::vector::Vector;
use crate::{DType, dequantise};

/// Widens one block into the cache, then loads it.
#[derive(Clone, Copy)]
pub(crate) struct Reference(pub DType);

/// The longest block of any type.
const MOST_VALUES: usize = 256;

impl<V: Vector> Unpack<V> for Reference {
    #[inline(always)]
    fn dtype(self) -> DType {
        self.0
    }

    type Shared = ();
    const PARTS: usize = 1;

    #[inline(always)]
    unsafe fn open(self, _: *const u8) {}

    #[inline(always)]
    unsafe fn part(self, src: *const u8, (): &(), _: usize, sink: &mut impl Sink<V>) {
        let mut values = [0.0; MOST_VALUES];
        let values = &mut values[..self.0.block_len()];
        dequantise(self.0, std::slice::from_raw_parts(src, self.0.block_bytes()), values);
        let mut i = 0;
        while i * V::LANES < values.len() {
            sink.put(i, V::load(values.as_ptr().add(i * V::LANES)));
            i += 1;
        }
    }
}
