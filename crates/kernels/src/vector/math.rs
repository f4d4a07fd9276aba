//! Elementary functions, a register at a time.

use super::Vector;

/// `e^x` to within 2 units in the last place; 0 below -86.5 (where it would be 2.7e-38), infinite above 88.73.
///
/// Cody and Waite's reduction by multiples of ln 2, then the Taylor polynomial of degree 7 on `|r| <= ln 2 / 2`.
#[inline(always)]
pub(crate) unsafe fn exp<V: Vector>(x: V) -> V {
    let bounded = V::splat(89.0).min(V::splat(-87.0).max(x)); // this operand order lets NaN pass
    let n = bounded.mul(V::splat(std::f32::consts::LOG2_E)).round();
    // ln 2 in two parts; the first has few enough bits that n times it is exact.
    let r = n.mul_add(V::splat(-0.693_359_4), bounded);
    let r = n.mul_add(V::splat(2.121_944_4e-4), r);
    let mut p = V::splat(1.0 / 5040.0);
    p = p.mul_add(r, V::splat(1.0 / 720.0));
    p = p.mul_add(r, V::splat(1.0 / 120.0));
    p = p.mul_add(r, V::splat(1.0 / 24.0));
    p = p.mul_add(r, V::splat(1.0 / 6.0));
    p = p.mul_add(r, V::splat(0.5));
    p = p.mul_add(r, V::splat(1.0));
    p = p.mul_add(r, V::splat(1.0));
    // In two steps, because 2^128 is no float although e^88.7 is.
    let scaled = p.mul(n.sub(V::splat(1.0)).pow2()).mul(V::splat(2.0));
    x.if_less(V::splat(-86.5), V::zero(), scaled)
}

/// `2^x` for `x <= 0` to within 1 unit in the last place, 2 where multiply-adds round twice; exactly 1 for 0, exactly 0
/// below -126.
///
/// The polynomial has the least relative error on `|r| <= 1/2` of those of degree 6 (2e-9).
#[inline(always)]
pub(crate) unsafe fn exp2<V: Vector>(x: V) -> V {
    let bounded = V::splat(-126.0).max(x); // this operand order lets NaN pass
    let n = bounded.round();
    let r = bounded.sub(n);
    let mut p = V::splat(1.534_581_2e-4);
    p = p.mul_add(r, V::splat(1.339_993_1e-3));
    p = p.mul_add(r, V::splat(9.618_489e-3));
    p = p.mul_add(r, V::splat(5.550_328_6e-2));
    p = p.mul_add(r, V::splat(0.240_226_46));
    p = p.mul_add(r, V::splat(std::f32::consts::LN_2));
    p = p.mul_add(r, V::splat(1.0));
    x.if_less(V::splat(-126.0), V::zero(), p.mul(n.pow2()))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(crate) unsafe fn sigmoid<V: Vector>(x: V) -> V {
    let one = V::splat(1.0);
    one.div(one.add(exp(V::zero().sub(x))))
}

/// `ln(1 + e^x)`, as `max(x, 0) + ln(1 + e^-|x|)`: neither overflows nor cancels.
#[inline(always)]
pub(crate) unsafe fn softplus<V: Vector>(x: V) -> V {
    let (minus, zero) = (V::zero().sub(x), V::zero());
    let faded = exp(minus.min(x)); // e^-|x|, from 0 to 1
    zero.max(x).add(ln_1p(faded))
}

/// `ln(1 + x)` for `x` from 0 to 1, by the series of the area tangent: `2 artanh(x / (2 + x))`, whose argument is at most
/// a third.
#[inline(always)]
unsafe fn ln_1p<V: Vector>(x: V) -> V {
    let t = x.div(V::splat(2.0).add(x));
    let square = t.mul(t);
    let mut p = V::splat(1.0 / 15.0);
    p = p.mul_add(square, V::splat(1.0 / 13.0));
    p = p.mul_add(square, V::splat(1.0 / 11.0));
    p = p.mul_add(square, V::splat(1.0 / 9.0));
    p = p.mul_add(square, V::splat(1.0 / 7.0));
    p = p.mul_add(square, V::splat(1.0 / 5.0));
    p = p.mul_add(square, V::splat(1.0 / 3.0));
    p = p.mul_add(square, V::splat(1.0));
    t.add(t).mul(p)
}

/// `x * sigmoid(x)`.
#[inline(always)]
pub(crate) unsafe fn silu<V: Vector>(x: V) -> V {
    x.div(V::splat(1.0).add(exp(V::zero().sub(x))))
}

/// GELU by its tanh approximation, `x / 2 * (1 + tanh(u))`, as `x * sigmoid(2 u)`, `u = sqrt(2/pi) (x + 0.044715 x^3)`:
/// the same function without the cancellation.
#[inline(always)]
pub(crate) unsafe fn gelu_tanh<V: Vector>(x: V) -> V {
    let cubic = x.mul(x).mul_add(V::splat(0.044_715), V::splat(1.0));
    let minus_2u = x.mul(cubic).mul(V::splat(-1.595_769_2));
    x.div(V::splat(1.0).add(exp(minus_2u)))
}

/// GELU by the error function, `x / 2 * erfc(-x / sqrt 2)`.
#[inline(always)]
pub(crate) unsafe fn gelu<V: Vector>(x: V) -> V {
    let tail = erfc(x.max(V::zero().sub(x)).mul(V::splat(std::f32::consts::FRAC_1_SQRT_2)));
    let erfc = x.if_less(V::zero(), tail, V::splat(2.0).sub(tail));
    x.mul(V::splat(0.5)).mul(erfc)
}

/// The complementary error function of `z >= 0`, by a Chebyshev fit with a relative error of 1.2e-7 (plus what the
/// rounding of `z^2` does to its exponential).
///
/// Source: Press et al., Numerical Recipes in C, second edition, `erfcc`.
#[inline(always)]
unsafe fn erfc<V: Vector>(z: V) -> V {
    const COEFFICIENTS: [f32; 10] = [
        0.170_872_77,
        -0.822_152_23,
        1.488_515_9,
        -1.135_204,
        0.278_868_07,
        -0.186_288_06,
        0.096_784_18,
        0.374_091_96,
        1.000_023_7,
        -1.265_512_2,
    ];
    let t = V::splat(1.0).div(z.mul_add(V::splat(0.5), V::splat(1.0)));
    let mut p = V::splat(COEFFICIENTS[0]);
    let mut i = 1;
    while i < COEFFICIENTS.len() {
        p = p.mul_add(t, V::splat(COEFFICIENTS[i]));
        i += 1;
    }
    t.mul(exp(p.sub(z.mul(z))))
}

/// `cap * tanh(x / cap)`.
#[inline(always)]
pub(crate) unsafe fn soft_cap<V: Vector>(x: V, cap: V) -> V {
    cap.mul(tanh(x.div(cap)))
}

/// Near zero an odd polynomial, beyond it `1 - 2 / (e^2x + 1)`, which would cancel there.
///
/// Source: Cephes, `tanhf`.
#[inline(always)]
unsafe fn tanh<V: Vector>(x: V) -> V {
    let square = x.mul(x);
    let mut p = V::splat(-5.704_988_7e-3);
    p = p.mul_add(square, V::splat(2.063_909e-2));
    p = p.mul_add(square, V::splat(-5.373_971_6e-2));
    p = p.mul_add(square, V::splat(1.333_144_2e-1));
    p = p.mul_add(square, V::splat(-3.333_328e-1));
    let near = p.mul(square).mul_add(x, x);
    let far = V::splat(1.0).sub(V::splat(2.0).div(exp(x.add(x)).add(V::splat(1.0))));
    x.max(V::zero().sub(x)).if_less(V::splat(0.625), near, far)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::vector::Portable;

    /// Which function a test asks for.
    #[derive(Clone, Copy)]
    enum Function {
        Exp,
        Exp2,
    }

    unsafe fn of_each<V: Vector>(function: Function, x: &[f32], out: &mut [f32]) {
        for (x, out) in x.chunks_exact(V::LANES).zip(out.chunks_exact_mut(V::LANES)) {
            match function {
                Function::Exp => exp(V::load(x.as_ptr())).store(out.as_mut_ptr()),
                Function::Exp2 => exp2(V::load(x.as_ptr())).store(out.as_mut_ptr()),
            }
        }
    }

    fn at_level(isa: Isa, function: Function, x: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; x.len()];
        // SAFETY: the caller has asked whether the level is available.
        unsafe {
            match isa {
                Isa::Scalar => of_each::<Portable>(function, x, &mut out),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => x86::avx2(function, x, &mut out),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Amx => x86::avx512(function, x, &mut out),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon | Isa::Dotprod | Isa::I8mm => of_each::<crate::vector::F32x4>(function, x, &mut out),
                isa => unreachable!("{isa} is not available on this architecture"),
            }
        }
        out
    }

    #[cfg(target_arch = "x86_64")]
    mod x86 {
        use super::Function;
        use crate::vector::{F32x8, F32x16};

        #[target_feature(enable = "avx2,fma,f16c")]
        pub(super) unsafe fn avx2(function: Function, x: &[f32], out: &mut [f32]) {
            super::of_each::<F32x8>(function, x, out)
        }

        #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
        pub(super) unsafe fn avx512(function: Function, x: &[f32], out: &mut [f32]) {
            super::of_each::<F32x16>(function, x, out)
        }
    }

    /// How far `found` is from `exact`, in units in the last place of the float below `exact`.
    fn units(found: f32, exact: f64) -> f64 {
        let unit = f64::from(f32::from_bits((exact as f32).to_bits() + 1)) - f64::from(exact as f32);
        (f64::from(found) - exact).abs() / unit
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place_at_every_level() {
        let x: Vec<f32> = (0..160_000).map(|i| (i as f32 - 79_000.0) * 0.0012).collect();
        for isa in Isa::available() {
            for (x, out) in x.iter().zip(at_level(isa, Function::Exp, &x)) {
                let exact = f64::from(*x).exp();
                if *x < -86.5 {
                    assert_eq!(out, 0.0, "exp({x}) at {isa}");
                } else if exact > f64::from(f32::MAX) {
                    assert_eq!(out, f32::INFINITY, "exp({x}) at {isa}");
                } else {
                    assert!(units(out, exact) <= 2.0, "exp({x}) at {isa}: {out} is {} units off", units(out, exact));
                }
            }
        }
    }

    #[test]
    fn two_to_the_power_of_what_is_not_above_0_is_as_near_as_said_at_every_level() {
        let mut x: Vec<f32> = (0..160_000).map(|i| i as f32 * -0.0009).collect();
        x[1] = f32::NEG_INFINITY;
        for isa in Isa::available() {
            let most = if isa == Isa::Scalar { 2.0 } else { 1.0 };
            let out = at_level(isa, Function::Exp2, &x);
            assert_eq!(out[..2], [1.0, 0.0], "{isa}");
            for (x, out) in x.iter().zip(out) {
                let exact = f64::from(*x).exp2();
                match *x < -126.0 {
                    true => assert_eq!(out, 0.0, "2^{x} at {isa}"),
                    false => assert!(units(out, exact) <= most, "2^{x} at {isa}: {} units off", units(out, exact)),
                }
            }
            let lanes = [f32::NAN; 16];
            assert!(at_level(isa, Function::Exp2, &lanes).iter().all(|x| x.is_nan()), "{isa}");
        }
    }
}
