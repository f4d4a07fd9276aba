//! The scales that `Q4_K` and `Q5_K` share: eight pairs of 6-bit scale and minimum in 12 bytes.
//!
//! Bytes 0..4 hold scales 0..4, bytes 4..8 minima 0..4, in their low six bits; the upper two bits of the same bytes
//! top up scales 4..8 and minima 4..8, whose low four bits are the low and high nibbles of bytes 8..12.

use super::{Affine, half_at};

/// Scales and negated minima of the eight runs in a block that begins with `d`, `dmin` (f16) and those 12 bytes.
#[inline(always)]
pub(crate) fn affine(block: &[u8]) -> Affine<8> {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let codes = unpack(block[4..16].try_into().expect("twelve bytes"));
    Affine {
        scales: codes.scales.map(|scale| d * f32::from(scale)),
        offsets: codes.mins.map(|min| -(dmin * f32::from(min))),
    }
}

/// Scale and minimum codes of eight runs of 32 values.
pub(super) struct ScalesMins {
    /// Eight 6-bit scales, one a byte.
    pub scales: [u8; 8],
    /// Eight 6-bit minima, one a byte.
    pub mins: [u8; 8],
}

/// Unpacks all sixteen at once, in 32-bit words of four codes.
#[inline(always)]
pub(super) fn unpack(packed: &[u8; 12]) -> ScalesMins {
    let word = |i: usize| u32::from_le_bytes([packed[i], packed[i + 1], packed[i + 2], packed[i + 3]]);
    let (a, b, c) = (word(0), word(4), word(8));
    let join = |low: u32, high: u32| (u64::from(high) << 32 | u64::from(low)).to_le_bytes();
    ScalesMins {
        scales: join(a & 0x3f3f3f3f, c & 0x0f0f0f0f | a >> 2 & 0x30303030),
        mins: join(b & 0x3f3f3f3f, c >> 4 & 0x0f0f0f0f | b >> 2 & 0x30303030),
    }
}
