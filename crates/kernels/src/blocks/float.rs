//! Plain floats: little-endian, one value each.

use half::bf16;

#[inline(always)]
pub(super) fn f32s(bytes: &[u8], out: &mut [f32]) {
    for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *value = f32::from_le_bytes(*bytes);
    }
}

#[inline(always)]
pub(super) fn f16s(bytes: &[u8], out: &mut [f32]) {
    for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *value = half(u16::from_le_bytes(*bytes));
    }
}

#[inline(always)]
pub(super) fn bf16s(bytes: &[u8], out: &mut [f32]) {
    for (value, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *value = bf16::from_le_bytes(*bytes).to_f32();
    }
}

/// A half-precision number from its bits, exactly, without a branch, so that loops over it become vector code.
///
/// The bits, moved to a single's place, are the number times 2^-112, subnormal or not; only the greatest exponent, of
/// infinities and NaN, has to be put in by hand.
#[inline(always)]
pub(crate) fn half(bits: u16) -> f32 {
    const TWO_112: f32 = f32::from_bits((127 + 112) << 23);
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let finite = (f32::from_bits(magnitude) * TWO_112).to_bits();
    let special = if bits & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
    f32::from_bits(finite | special | u32::from(bits & 0x8000) << 16)
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_half_widens_to_its_value() {
        for bits in 0..=u16::MAX {
            let expected = half::f16::from_bits(bits).to_f32();
            let widened = super::half(bits);
            assert!(widened.to_bits() == expected.to_bits() || widened.is_nan() && expected.is_nan(), "{bits:#x}");
        }
    }
}
