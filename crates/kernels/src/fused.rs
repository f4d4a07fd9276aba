//! A product and a sum that are rounded once, whatever library of C a target is linked with.

/// `a · b + c`, rounded once.
///
/// MinGW's `fmaf`, which `f32::mul_add` is there where the target has no such instruction, rounds twice.
#[inline(always)]
pub fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(all(windows, target_env = "gnu")) { through_double(a, b, c) } else { a.mul_add(b, c) }
}

/// The product of two singles is exact in double precision. Their sum, rounded to odd there, may be rounded once more:
/// Boldo and Melquiond, Emulation of FMA and correctly rounded sums (2008).
fn through_double(a: f32, b: f32, c: f32) -> f32 {
    let (product, c) = (f64::from(a) * f64::from(b), f64::from(c));
    let sum = product + c;
    // What the sum lost: Knuth's two-sum.
    let of_c = sum - product;
    let lost = (product - (sum - of_c)) + (c - of_c);
    let is_even = sum.to_bits() & 1 == 0;
    if lost == 0.0 || !sum.is_finite() || !is_even {
        return sum as f32;
    }
    let outward = (lost > 0.0) == (sum > 0.0);
    f64::from_bits(if outward { sum.to_bits() + 1 } else { sum.to_bits() - 1 }) as f32
}

// With MinGW there is nothing to hold it against.
#[cfg(all(test, not(all(windows, target_env = "gnu"))))]
mod tests {
    use proptest::prelude::*;

    use super::through_double;

    #[test]
    fn a_sum_that_two_roundings_would_push_over_the_middle_is_rounded_once() {
        // 1 + 2^-24 lies between two singles, and 2^-60 above it tells which is nearer: in double precision it is lost.
        let (a, b, c) = (1.0 + f32::EPSILON, 2f32.powi(-24), 1.0);
        for (a, b, c) in [(a, b, c), (-a, b, -c), (2f32.powi(-30), 2f32.powi(-30), 1.0 + f32::EPSILON)] {
            assert_eq!(through_double(a, b, c), a.mul_add(b, c));
        }
        assert!(through_double(f32::MAX, f32::MAX, f32::NEG_INFINITY).is_infinite());
        assert!(through_double(f32::INFINITY, 0.0, 1.0).is_nan());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_three_numbers_give_what_the_instruction_gives(bits: [u32; 3], near in -40i32..40) {
            let [a, b, c] = bits.map(f32::from_bits);
            prop_assume!(!(a.is_nan() || b.is_nan() || c.is_nan()));
            // Exponents that lie near each other, where a sum loses some of its digits and not all.
            let close = -(a * b) * 2f32.powi(near) * (1.0 + c.fract().abs());
            for c in [c, close] {
                let (found, expected) = (through_double(a, b, c), a.mul_add(b, c));
                prop_assert!(found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(), "{a:e} {b:e} {c:e}");
            }
        }
    }
}
