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

use super::half_at;

#[inline(always)]
pub(super) fn dequantise(block: &[u8; 210], out: &mut [f32; 256]) {
    let d = half_at(block, 208);
    for (run, values) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let scale = d * f32::from(block[192 + run] as i8);
        let (half, quarter) = (run / 8, run % 8 / 2);
        let (low_shift, high_shift) = (quarter / 2 * 4, quarter * 2);
        for (i, value) in values.iter_mut().enumerate() {
            let at = run % 2 * 16 + i;
            let low = block[half * 64 + quarter % 2 * 32 + at] >> low_shift & 15;
            let high = block[128 + half * 32 + at] >> high_shift & 3;
            *value = scale * (f32::from(low | high << 4) - 32.0);
        }
    }
}
