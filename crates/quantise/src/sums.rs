//! Numbers rounded, bounded and added in a fixed order, in plain arithmetic: the same bits on every machine.

use half::f16;

/// Eight sums of every eighth term added up.
#[inline(always)]
pub fn total(l: [f32; 8]) -> f32 {
    ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]))
}

/// The nearest whole number, of two the even one, for magnitudes below 2^22.
#[inline(always)]
pub fn nearest(value: f32) -> f32 {
    const MIDDLE: f32 = 12_582_912.0; // 1.5 · 2^23, where singles are whole numbers
    (value + MIDDLE) - MIDDLE
}

/// `value`, or the end of the range that it lies beyond; of NaN the lower end.
#[inline(always)]
pub fn within(value: f32, low: f32, high: f32) -> f32 {
    let above = if value > low { value } else { low };
    if above < high { above } else { high }
}

/// The number in half precision, of those beyond it the greatest.
#[inline(always)]
pub fn half(value: f32) -> f16 {
    f16::from_f32(within(value, -65504.0, 65504.0))
}

/// What is read of the number in half precision.
#[inline(always)]
pub fn stored(value: f32) -> f32 {
    half(value).to_f32()
}

/// `1 / value`, or 0 where there is none: codes of such a scale mean nothing.
#[inline(always)]
pub fn inverse(value: f32) -> f32 {
    let inverse = 1.0 / value;
    if inverse.is_finite() { inverse } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_rounded_to_even_and_kept_within_their_range() {
        let rounded = [-2.5, -1.5, -0.4, 0.5, 1.5, 2.51].map(nearest);
        assert_eq!(rounded, [-2.0, -2.0, 0.0, 0.0, 2.0, 3.0]);
        assert_eq!([-9.0, 0.25, 9.0, f32::NAN].map(|v| within(v, -8.0, 7.0)), [-8.0, 0.25, 7.0, -8.0]);
        assert_eq!((inverse(0.0), inverse(1e-45), inverse(4.0)), (0.0, 0.0, 0.25));
    }
}
