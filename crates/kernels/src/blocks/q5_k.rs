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

use super::{half_at, k_scales};

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let codes = k_scales(block[4..16].try_into().expect("twelve bytes"));
    let fifths = &block[16..48];
    for (run, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = (d * f32::from(codes.scales[run]), dmin * f32::from(codes.mins[run]));
        let packed = &block[48 + run / 2 * 32..][..32];
        for ((value, byte), fifth) in values.iter_mut().zip(packed).zip(fifths) {
            let q = byte >> (run % 2 * 4) & 15 | (fifth >> run & 1) << 4;
            *value = scale * f32::from(q) - min;
        }
    }
}
