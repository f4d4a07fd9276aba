//! The 4-bit curve types: each code picks one of 16 uneven levels.
//!
//! | bytes | `IQ4_NL`, 32 values | `IQ4_XS`, 256 values in eight runs of 32 |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 |
//! | scales | | 2..4: upper 2 bits per run; 4..8: low nibble per run |
//! | nibbles: value `i` low in byte `i`, value `i + 16` high | 2..18 | 8..136, 16 bytes per run |
//!
//! `IQ4_NL` is `d * level`, `IQ4_XS` is `d * (scale - 32) * level`.

use super::{Scaled, half_at, u16_at};

pub(crate) const IQ4_LEVELS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

#[inline(always)]
pub(super) fn codes_nl(block: &[u8; 18], codes: &mut [i8; 32]) -> Scaled<1> {
    levels(&block[2..], codes, &IQ4_LEVELS);
    Scaled([half_at(block, 0)])
}

#[inline(always)]
pub(super) fn codes_xs(block: &[u8; 136], codes: &mut [i8; 256]) -> Scaled<8> {
    for (codes, packed) in codes.as_chunks_mut::<32>().0.iter_mut().zip(block[8..].as_chunks::<16>().0) {
        levels(packed, codes, &IQ4_LEVELS);
    }
    let (d, upper) = (half_at(block, 0), u16_at(block, 2));
    Scaled(std::array::from_fn(|run| {
        let low = block[4 + run / 2] >> (run % 2 * 4) & 15;
        let scale = u16::from(low) | (upper >> (2 * run) & 3) << 4;
        d * (f32::from(scale) - 32.0)
    }))
}

/// What 32 nibbles stand for, value `i` low in byte `i`, value `i + 16` high.
#[inline(always)]
pub(super) fn levels(packed: &[u8], codes: &mut [i8; 32], levels: &[i8; 16]) {
    for (i, &byte) in packed.iter().enumerate() {
        codes[i] = levels[usize::from(byte & 15)];
        codes[i + 16] = levels[usize::from(byte >> 4)];
    }
}
