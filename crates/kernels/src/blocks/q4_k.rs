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

use super::{half_at, k_scales};

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let codes = k_scales(block[4..16].try_into().expect("twelve bytes"));
    for (run, values) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (scale, min) = (d * f32::from(codes.scales[run]), dmin * f32::from(codes.mins[run]));
        let packed = &block[16 + run / 2 * 32..][..32];
        for (value, byte) in values.iter_mut().zip(packed) {
            *value = scale * f32::from(byte >> (run % 2 * 4) & 15) - min;
        }
    }
}
