//! Any block type, by way of its scalar reference.

use super::{Sink, Unpack};
use crate::DType;
use crate::vector::Vector;

/// Widens one block into the cache, then loads it.
#[derive(Clone, Copy)]
pub(crate) struct Reference {
    pub dtype: DType,
    /// The reference, as compiled for the level.
    pub widen: Widen,
}

/// Type, whole blocks, room for their values.
pub(crate) type Widen = unsafe fn(DType, &[u8], &mut [f32]);

impl<V: Vector> Unpack<V> for Reference {
    #[inline(always)]
    fn dtype(self) -> DType {
        self.dtype
    }

    type Shared = ();
    const PARTS: usize = 1;

    #[inline(always)]
    unsafe fn open(self, _: *const u8) {}

    #[inline(always)]
    unsafe fn part(self, src: *const u8, (): &(), _: usize, sink: &mut impl Sink<V>) {
        match self.dtype.block_len() {
            32 => self.put_block::<V, 32>(src, sink),
            256 => self.put_block::<V, 256>(src, sink),
            values => unreachable!("no block type has {values} values"),
        }
    }
}

impl Reference {
    #[inline(always)]
    unsafe fn put_block<V: Vector, const VALUES: usize>(self, src: *const u8, sink: &mut impl Sink<V>) {
        let mut values = [0.0; VALUES];
        (self.widen)(self.dtype, std::slice::from_raw_parts(src, self.dtype.block_bytes()), &mut values);
        let mut i = 0;
        while i < VALUES / V::LANES {
            sink.put(i, V::load(values.as_ptr().add(i * V::LANES)));
            i += 1;
        }
    }
}
