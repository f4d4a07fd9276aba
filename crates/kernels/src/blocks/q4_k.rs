//! `Q4_K`: 256 values of 4 bits in eight runs of 32.
//!
//! | bytes | |
//! |---|---|
//! | 0..2 | `d`, f16 |
//! | 2..4 | `dmin`, f16 |
//! | 4..16 | scales and minima, see [`super::k_scales`] |
//! | 16..144 | nibbles: byte `32 g + i` holds value `64 g + i` low and `64 g + 32 + i` high |
//!
//! A value is `d * scale * q - dmin * minimum`. Both products and `d * scale * q` are exact in f32 (11 + 6 + 4 bits),
//! so that a fused multiply-subtract gives the same bits.

use super::codes::Units;
use super::{Affine, half_at, k_scales};

#[inline(always)]
pub(super) fn codes(block: &[u8; 144], codes: &mut [i8; 256]) -> Affine<8> {
    nibbles(&block[16..], codes);
    k_scales::affine(block)
}

pub(super) fn units(block: &[u8]) -> Units {
    let codes = k_scales::unpack(block[4..16].try_into().expect("twelve bytes"));
    Units {
        d: half_at(block, 0),
        scales: std::array::from_fn(|run| codes.scales[run / 2] as i8), // 6 bits
        minima: Some((half_at(block, 2), codes.mins)),
    }
}

/// Byte `32 g + i` holds value `64 g + i` low and `64 g + 32 + i` high.
#[inline(always)]
pub(super) fn nibbles(packed: &[u8], codes: &mut [i8; 256]) {
    for (codes, packed) in codes.as_chunks_mut::<64>().0.iter_mut().zip(packed.as_chunks::<32>().0) {
        let (low, high) = codes.split_at_mut(32);
        for ((low, high), &byte) in low.iter_mut().zip(high).zip(packed) {
            *low = (byte & 15) as i8;
            *high = (byte >> 4) as i8;
        }
    }
}
