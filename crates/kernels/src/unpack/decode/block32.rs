//! The types with blocks of 32 values: a block's codes are one register.

use std::arch::x86_64::*;

use crate::DType;
use crate::blocks::{Codes, DOUBLED_E2M1, IQ4_LEVELS, half_e8m0};
use crate::unpack::{Sink, Unpack};
use crate::vector::{F32x8, F32x16, Vector};

/// A type with blocks of 32 values.
pub(crate) trait Block32: Copy {
    const DTYPE: DType;
    /// The codes of the block at `src`.
    unsafe fn codes(src: *const u8) -> __m256i;
    /// Its scale.
    #[inline(always)]
    unsafe fn scale(src: *const u8) -> f32 {
        half(src)
    }
    /// Its offset, if the type has offsets: the second half-precision number of all that do.
    #[inline(always)]
    unsafe fn offset(src: *const u8) -> f32 {
        half(src.add(2))
    }
}

/// Bytes `0..16` of `src`, low nibbles first, then high, each a byte of 0 to 15.
#[inline(always)]
pub(super) unsafe fn nibbles(src: *const u8) -> __m256i {
    let packed = _mm_loadu_si128(src.cast());
    let both = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(packed), _mm_srli_epi16::<4>(packed));
    _mm256_and_si256(both, _mm256_set1_epi8(15))
}

/// 32 bits at `src` as bytes: all ones where the bit is set.
#[inline(always)]
pub(super) unsafe fn bits_as_bytes(src: *const u8) -> __m256i {
    const BYTE_OF: [u64; 4] = [0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303];
    let spread = _mm256_setr_epi64x(BYTE_OF[0] as i64, BYTE_OF[1] as i64, BYTE_OF[2] as i64, BYTE_OF[3] as i64);
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(src.cast::<i32>().read_unaligned()), spread);
    _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit)
}

/// What nibbles stand for: `levels` in both halves.
#[inline(always)]
pub(super) unsafe fn look_up(levels: &[i8; 16], nibbles: __m256i) -> __m256i {
    _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(levels.as_ptr().cast())), nibbles)
}

#[inline(always)]
unsafe fn half(src: *const u8) -> f32 {
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(src.cast::<u16>().read_unaligned()))))
}

/// Declares the types and how their codes are read.
macro_rules! blocks_of_32 {
    ($($(#[$doc:meta])* $name:ident $dtype:ident |$src:ident| $codes:block $(, scale $scale:block)?;)*) => {$(
        #[derive(Clone, Copy)]
        pub(crate) struct $name;

        impl Block32 for $name {
            const DTYPE: DType = DType::$dtype;

            $(#[$doc])*
            #[inline(always)]
            unsafe fn codes($src: *const u8) -> __m256i $codes

            $(
                #[inline(always)]
                unsafe fn scale($src: *const u8) -> f32 $scale
            )?
        }
    )*};
}

blocks_of_32! {
    Q4_0 Q4_0 |src| {
        _mm256_sub_epi8(nibbles(src.add(2)), _mm256_set1_epi8(8))
    };
    Q4_1 Q4_1 |src| {
        nibbles(src.add(4))
    };
    /// Where the fifth bit is clear, 16 is taken off: a nibble's upper bits then are ones.
    Q5_0 Q5_0 |src| {
        let clear = _mm256_andnot_si256(bits_as_bytes(src.add(2)), _mm256_set1_epi8(-16));
        _mm256_or_si256(nibbles(src.add(6)), clear)
    };
    Q5_1 Q5_1 |src| {
        let fifth = _mm256_and_si256(bits_as_bytes(src.add(4)), _mm256_set1_epi8(16));
        _mm256_or_si256(nibbles(src.add(8)), fifth)
    };
    Q8_0 Q8_0 |src| {
        _mm256_loadu_si256(src.add(2).cast())
    };
    Iq4Nl IQ4_NL |src| {
        look_up(&IQ4_LEVELS, nibbles(src.add(2)))
    };
    Mxfp4 MXFP4 |src| {
        look_up(&DOUBLED_E2M1, nibbles(src.add(1)))
    }, scale {
        half_e8m0(*src)
    };
}

/// Reads whole blocks.
#[inline(always)]
pub(super) unsafe fn decode<T: Block32>(bytes: &[u8], to: &mut Codes) {
    let mut block = 0;
    while block < bytes.len() / T::DTYPE.block_bytes() {
        let src = bytes.as_ptr().add(block * T::DTYPE.block_bytes());
        put(T::codes(src), block, to);
        to.scales[block] = T::scale(src);
        if T::DTYPE.has_offsets() {
            to.offsets[block] = T::offset(src);
        }
        block += 1;
    }
}

/// A block in registers.
#[derive(Clone, Copy)]
pub(crate) struct InRegisters<T>(pub T);

/// Scale and offset of a block, if the type has offsets.
type Factors<V> = (V, V);

/// Sixteen codes, widened.
#[inline(always)]
unsafe fn widen_x16(codes: __m128i) -> F32x16 {
    F32x16(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(codes)))
}

/// The lower eight of sixteen codes, widened.
#[inline(always)]
unsafe fn widen_x8(codes: __m128i) -> F32x8 {
    F32x8(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(codes)))
}

/// `codes` as weights: the product is exact in f32, so that a sum with the offset is rounded once.
#[inline(always)]
unsafe fn weigh<T: Block32, V: Vector>(codes: V, (scale, offset): &Factors<V>) -> V {
    if T::DTYPE.has_offsets() { codes.mul_add(*scale, *offset) } else { codes.mul(*scale) }
}

macro_rules! unpack_in_registers {
    ($V:ty, |$codes:ident| $widened:expr) => {
        impl<T: Block32> Unpack<$V> for InRegisters<T> {
            type Shared = Factors<$V>;
            const PARTS: usize = 1;

            #[inline(always)]
            fn dtype(self) -> DType {
                T::DTYPE
            }

            #[inline(always)]
            unsafe fn load_shared(self, src: *const u8) -> Factors<$V> {
                let offset = if T::DTYPE.has_offsets() { T::offset(src) } else { 0.0 };
                (<$V>::splat(T::scale(src)), <$V>::splat(offset))
            }

            #[inline(always)]
            unsafe fn part(self, src: *const u8, factors: &Factors<$V>, _: usize, sink: &mut impl Sink<$V>) {
                let all = T::codes(src);
                let $codes = [_mm256_castsi256_si128(all), _mm256_extracti128_si256::<1>(all)];
                for (i, codes) in $widened.into_iter().enumerate() {
                    sink.put(i, weigh::<T, $V>(codes, factors));
                }
            }
        }
    };
}

unpack_in_registers!(F32x8, |codes| [
    widen_x8(codes[0]),
    widen_x8(_mm_srli_si128::<8>(codes[0])),
    widen_x8(codes[1]),
    widen_x8(_mm_srli_si128::<8>(codes[1])),
]);
unpack_in_registers!(F32x16, |codes| [widen_x16(codes[0]), widen_x16(codes[1])]);

/// Codes of the values `32 at ..`.
#[inline(always)]
pub(super) unsafe fn put(codes: __m256i, at: usize, to: &mut Codes) {
    _mm256_storeu_si256(to.codes.as_mut_ptr().add(32 * at).cast(), codes);
}
