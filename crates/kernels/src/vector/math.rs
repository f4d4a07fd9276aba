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

    unsafe fn exp_of_each<V: Vector>(x: &[f32], out: &mut [f32]) {
        for (x, out) in x.chunks_exact(V::LANES).zip(out.chunks_exact_mut(V::LANES)) {
            exp(V::load(x.as_ptr())).store(out.as_mut_ptr());
        }
    }

    fn check(isa: Isa) {
        let x: Vec<f32> = (0..160_000).map(|i| (i as f32 - 79_000.0) * 0.0012).collect();
        let mut out = vec![0.0; x.len()];
        // SAFETY: the caller has asked whether the level is available.
        unsafe {
            match isa {
                Isa::Scalar => exp_of_each::<Portable>(&x, &mut out),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => x86::avx2(&x, &mut out),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512 | Isa::Amx => x86::avx512(&x, &mut out),
                #[cfg(target_arch = "aarch64")]
                Isa::Neon | Isa::Dotprod | Isa::I8mm => exp_of_each::<crate::vector::F32x4>(&x, &mut out),
                isa => unreachable!("{isa} is not available on this architecture"),
            }
        }
        for (x, out) in x.iter().zip(out) {
            let expected = f64::from(*x).exp();
            if *x < -86.5 {
                assert_eq!(out, 0.0, "exp({x}) at {isa}");
            } else if expected > f64::from(f32::MAX) {
                assert_eq!(out, f32::INFINITY, "exp({x}) at {isa}");
            } else {
                let unit = f64::from(f32::from_bits((expected as f32).to_bits() + 1)) - f64::from(expected as f32);
                let error = (f64::from(out) - expected).abs() / unit;
                assert!(error <= 2.0, "exp({x}) at {isa}: {out} is {error} units off");
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    mod x86 {
        use crate::vector::{F32x8, F32x16};

        #[target_feature(enable = "avx2,fma,f16c")]
        pub(super) unsafe fn avx2(x: &[f32], out: &mut [f32]) {
            super::exp_of_each::<F32x8>(x, out)
        }

        #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl")]
        pub(super) unsafe fn avx512(x: &[f32], out: &mut [f32]) {
            super::exp_of_each::<F32x16>(x, out)
        }
    }

    #[test]
    fn exp_is_within_two_units_in_the_last_place_at_every_level() {
        Isa::available().into_iter().for_each(check);
    }
}
