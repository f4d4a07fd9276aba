//! `Q5_K`: 256 values of 5 bits in eight runs of 32.
//!
//! | bytes | |
//! |---|---|
//! | 0..2 | `d`, f16 |
//! | 2..4 | `dmin`, f16 |
//! | 4..16 | scales and minima, see [`super::k_scales`] |
//! | 16..48 | fifth bits: byte `i`, bit `j` belongs to value `32 j + i` |
//! | 48..176 | nibbles: byte `32 g + i` holds value `64 g + i` low and `64 g + 32 + i` high |
//!
//! A value is `d * scale * q - dmin * minimum`.

use super::{Affine, k_scales, q4_k};

#[inline(always)]
pub(super) fn codes(block: &[u8; 176], codes: &mut [i8; 256]) -> Affine<8> {
    q4_k::nibbles(&block[48..], codes);
    for (run, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (code, fifths) in codes.iter_mut().zip(&block[16..48]) {
            *code |= (fifths >> run << 4 & 16) as i8;
        }
    }
    k_scales::affine(block)
}
