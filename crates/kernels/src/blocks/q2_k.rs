//! `Q2_K`: 256 values of 2 bits in sixteen runs of 16.
//!
//! | bytes | |
//! |---|---|
//! | 0..16 | per run: 4-bit scale low, 4-bit minimum high |
//! | 16..80 | codes: byte `32 h + i`, bits `2 j` hold value `128 h + 32 j + i` |
//! | 80..82 | `d`, f16 |
//! | 82..84 | `dmin`, f16 |
//!
//! A value is `d * scale * q - dmin * minimum`.

use super::{Affine, half_at, two_bits};

#[inline(always)]
pub(super) fn codes(block: &[u8; 84], codes: &mut [i8; 256]) -> Affine<16> {
    two_bits(&block[16..80], codes);
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    Affine {
        scales: std::array::from_fn(|run| d * f32::from(block[run] & 15)),
        offsets: std::array::from_fn(|run| -(dmin * f32::from(block[run] >> 4))),
    }
}
