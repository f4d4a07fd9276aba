//! `Q6_K`: 256 values of 6 bits in sixteen runs of 16.
//!
//! | bytes | |
//! |---|---|
//! | 0..128 | low nibbles: byte `64 h + i` holds value `128 h + i` low and `128 h + 64 + i` high |
//! | 128..192 | upper bits: byte `32 h + i`, bits `2 j` belong to value `128 h + 32 j + i` |
//! | 192..208 | scale of each run, i8 |
//! | 208..210 | `d`, f16 |
//!
//! A value is `(d * scale) * (q - 32)`, rounded once: `d * scale` is exact in f32.

use super::codes::Units;
use super::{Scaled, half_at};

#[inline(always)]
pub(super) fn codes(block: &[u8; 210], codes: &mut [i8; 256]) -> Scaled<16> {
    for (plane, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (half, quarter) = (plane / 4, plane % 4);
        let (low, high) = (&block[half * 64 + quarter % 2 * 32..][..32], &block[128 + half * 32..][..32]);
        for ((code, low), high) in codes.iter_mut().zip(low).zip(high) {
            *code = (low >> (quarter / 2 * 4) & 15 | (high >> (quarter * 2) & 3) << 4) as i8 - 32;
        }
    }
    let d = half_at(block, 208);
    Scaled(std::array::from_fn(|run| d * f32::from(block[192 + run] as i8)))
}

pub(super) fn units(block: &[u8]) -> Units {
    Units { d: half_at(block, 208), scales: std::array::from_fn(|run| block[192 + run] as i8), minima: None }
}
