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

use super::{Scaled, half_at, two_bits};

#[inline(always)]
pub(super) fn codes(block: &[u8; 110], codes: &mut [i8; 256]) -> Scaled<16> {
    two_bits(&block[32..96], codes);
    for (plane, codes) in codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (code, thirds) in codes.iter_mut().zip(&block[..32]) {
            *code += (thirds >> plane << 2 & 4) as i8 - 4;
        }
    }
    let d = half_at(block, 108);
    Scaled(std::array::from_fn(|run| d * (f32::from(scale(&block[96..108], run)) - 32.0)))
}

#[inline(always)]
fn scale(packed: &[u8], run: usize) -> u8 {
    let low = packed[run % 8] >> (run / 8 * 4) & 15;
    let high = packed[8 + run % 4] >> (run / 4 * 2) & 3;
    low | high << 4
}
