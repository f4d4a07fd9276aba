//! `Q8_0`: 32 values of 8 bits.
//!
//! | bytes | |
//! |---|---|
//! | 0..2 | scale `d`, f16 |
//! | 2..34 | codes, i8 |
//!
//! A value is `d * q`.

use half::f16;

use super::{Scaled, half_at};

#[inline(always)]
pub(super) fn codes(block: &[u8; 34], codes: &mut [i8; 32]) -> Scaled<1> {
    for (code, &byte) in codes.iter_mut().zip(&block[2..]) {
        *code = byte as i8;
    }
    Scaled([half_at(block, 0)])
}

/// Writes 32 values as one `Q8_0` block; ties round away from zero.
///
/// Source: ggml `quantize_row_q8_0_ref`.
pub fn quantise(values: &[f32; 32]) -> [u8; 34] {
    let d = values.iter().fold(0.0f32, |most, v| most.max(v.abs())) / 127.0;
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    let mut block = [0; 34];
    block[..2].copy_from_slice(&f16::from_f32(d).to_le_bytes());
    for (code, value) in block[2..].iter_mut().zip(values) {
        *code = (value * inverse).round() as i8 as u8;
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, dequantise};

    #[test]
    fn quantising_errs_by_at_most_half_a_step() {
        let values = std::array::from_fn(|i| (i as f32 * 0.7).sin() * 3.0);
        let mut back = [0.0; 32];
        dequantise(DType::Q8_0, &quantise(&values), &mut back);
        for (value, back) in values.iter().zip(back) {
            assert!((value - back).abs() <= 3.0 / 127.0 * 0.55, "{value} came back as {back}");
        }
    }
}
