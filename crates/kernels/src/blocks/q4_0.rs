//! `Q4_0` and `Q4_1`: 32 values of 4 bits.
//!
//! | bytes | `Q4_0` | `Q4_1` |
//! |---|---|---|
//! | scale `d`, f16 | 0..2 | 0..2 |
//! | minimum `m`, f16 | | 2..4 |
//! | nibbles: value `i` low in byte `i`, value `i + 16` high | 2..18 | 4..20 |
//!
//! `Q4_0` is `d * (q - 8)`, `Q4_1` is `d * q + m`.

use half::f16;

use super::{Affine, Scaled, half_at};

#[inline(always)]
pub(super) fn codes(block: &[u8; 18], codes: &mut [i8; 32]) -> Scaled<1> {
    nibbles(&block[2..], codes, 8);
    Scaled([half_at(block, 0)])
}

#[inline(always)]
pub(super) fn codes_with_minimum(block: &[u8; 20], codes: &mut [i8; 32]) -> Affine<1> {
    nibbles(&block[4..], codes, 0);
    Affine { scales: [half_at(block, 0)], offsets: [half_at(block, 2)] }
}

#[inline(always)]
fn nibbles(packed: &[u8], codes: &mut [i8; 32], zero: i8) {
    let (low, high) = codes.split_at_mut(16);
    for ((low, high), &byte) in low.iter_mut().zip(high).zip(packed) {
        *low = (byte & 15) as i8 - zero;
        *high = (byte >> 4) as i8 - zero;
    }
}

/// Writes 32 values as one `Q4_0` block. The value of largest magnitude becomes code 0, so it is kept best.
///
/// Source: ggml `quantize_row_q4_0_ref`.
pub fn quantise(values: &[f32; 32]) -> [u8; 18] {
    let extreme = values.iter().fold(0.0f32, |best, &v| if v.abs() > best.abs() { v } else { best });
    let d = extreme / -8.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    let code = |v: f32| ((v * inverse + 8.5) as u8).min(15);
    let mut block = [0; 18];
    block[..2].copy_from_slice(&f16::from_f32(d).to_le_bytes());
    for i in 0..16 {
        block[2 + i] = code(values[i]) | code(values[i + 16]) << 4;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, dequantise};

    #[test]
    fn quantising_errs_by_at_most_one_step() {
        let values = std::array::from_fn(|i| (i as f32 * 0.7).sin());
        let mut back = [0.0; 32];
        dequantise(DType::Q4_0, &quantise(&values), &mut back);
        for (value, back) in values.iter().zip(back) {
            assert!((value - back).abs() <= 1.0 / 8.0 * 1.01, "{value} came back as {back}");
        }
        assert_eq!(quantise(&[0.0; 32])[..2], [0x00, 0x80]);
    }
}
