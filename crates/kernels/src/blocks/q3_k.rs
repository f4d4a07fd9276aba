//! `Q3_K`: 256 values of 3 bits in sixteen runs of 16.
//!
//! | bytes | |
//! |---|---|
//! | 0..32 | third bits: byte `i`, bit `j` belongs to value `32 j + i` |
//! | 32..96 | low bits: byte `32 h + i`, bits `2 j` belong to value `128 h + 32 j + i` |
//! | 96..108 | sixteen 6-bit scales: low nibbles of 8 bytes, then high; upper bits in the last 4 bytes |
//! | 108..110 | `d`, f16 |
//!
//! A value is `d * (scale - 32) * (q - 4)`, `q` counting the third bit as 4.

use super::half_at;

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 110], out: &mut [f32; 256]) {
    let d = half_at(block, 108);
    for (run, values) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = d * (f32::from(scale(&block[96..108], run)) - 32.0);
        let (half, plane, start) = (run / 8, run / 2, run % 2 * 16);
        for (i, value) in values.iter_mut().enumerate() {
            let low = block[32 + half * 32 + start + i] >> (plane % 4 * 2) & 3;
            let third = block[start + i] >> plane & 1;
            *value = scale * (f32::from(low | third << 2) - 4.0);
        }
    }
}

#[inline(always)]
fn scale(packed: &[u8], run: usize) -> u8 {
    let low = packed[run % 8] >> (run / 8 * 4) & 15;
    let high = packed[8 + run % 4] >> (run / 4 * 2) & 3;
    low | high << 4
}
