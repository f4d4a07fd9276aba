//! Plain floats.

use super::{Sink, Unpack};
use crate::DType;
use crate::vector::Vector;

/// Single precision.
#[derive(Clone, Copy)]
pub(crate) struct F32;
/// Half precision.
#[derive(Clone, Copy)]
pub(crate) struct F16;
/// The upper half of a single.
#[derive(Clone, Copy)]
pub(crate) struct Bf16;

/// A stored float type; widening is exact.
pub(crate) trait Element<V: Vector>: Copy {
    /// Bytes of one value.
    const BYTES: usize;
    unsafe fn load(from: *const u8) -> V;
    /// The first `n < V::LANES` values, then zeros; touches no more than those.
    unsafe fn load_partial(from: *const u8, n: usize) -> V;
}

impl<V: Vector> Element<V> for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> V {
        V::load(from.cast())
    }
    #[inline(always)]
    unsafe fn load_partial(from: *const u8, n: usize) -> V {
        V::load_partial(from.cast(), n)
    }
}

impl<V: Vector> Element<V> for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> V {
        V::load_f16(from)
    }
    #[inline(always)]
    unsafe fn load_partial(from: *const u8, n: usize) -> V {
        V::load_f16_partial(from, n)
    }
}

impl<V: Vector> Element<V> for Bf16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load(from: *const u8) -> V {
        V::load_bf16(from)
    }
    #[inline(always)]
    unsafe fn load_partial(from: *const u8, n: usize) -> V {
        V::load_bf16_partial(from, n)
    }
}

macro_rules! unpack_floats {
    ($($element:ident $dtype:ident,)*) => {$(
        impl<V: Vector> Unpack<V> for $element {
            #[inline(always)]
            fn dtype(self) -> DType {
                DType::$dtype
            }
            #[inline(always)]
            fn values(self) -> usize {
                V::LANES
            }
            #[inline(always)]
            fn bytes(self) -> usize {
                V::LANES * <Self as Element<V>>::BYTES
            }
            type Shared = ();
            const PARTS: usize = 1;
            #[inline(always)]
            unsafe fn load_shared(self, _: *const u8) {}
            #[inline(always)]
            unsafe fn part(self, src: *const u8, (): &(), _: usize, sink: &mut impl Sink<V>) {
                sink.put(0, <Self as Element<V>>::load(src));
            }
            #[inline(always)]
            unsafe fn rest(self, src: *const u8, n: usize) -> V {
                <Self as Element<V>>::load_partial(src, n)
            }
        }
    )*};
}

unpack_floats! { F32 F32, F16 F16, Bf16 BF16, }
