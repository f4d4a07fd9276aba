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

use super::half_at;

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 84], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (run, values) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (scale, min) = (d * f32::from(block[run] & 15), dmin * f32::from(block[run] >> 4));
        let (half, shift, start) = (run / 8, run % 8 / 2 * 2, run % 2 * 16);
        for (i, value) in values.iter_mut().enumerate() {
            let q = block[16 + half * 32 + start + i] >> shift & 3;
            *value = scale * f32::from(q) - min;
        }
    }
}
