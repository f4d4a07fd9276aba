//! The outer-product microkernel, where weights lie input by input: lanes are outputs, and each input of a token is broadcast
//! to them.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use super::operands::OuterProduct;
use crate::simd_level::SimdLevel;
use crate::unpack::Element;
use crate::vector::Vector;

/// Any number of outputs and tokens, in tiles of the level's size.
#[inline(always)]
pub(crate) unsafe fn outer_product<L: SimdLevel, E: Element<L>>(o: &OuterProduct, outputs: usize, tokens: usize) {
    let mut token = 0;
    while token < tokens {
        let n = L::OUTER_TOKENS.min(tokens - token);
        let mut output = 0;
        while output < outputs {
            let part = o.at::<L, E>(output, token);
            let vectors = match (outputs - output) / L::LANES {
                0 => 0,
                left if left < L::OUTER_VECTORS => 1,
                _ => L::OUTER_VECTORS,
            };
            match vectors {
                0 => rest::<L, E>(&part, outputs - output, n),
                _ => L::outer_microkernel::<E>(&part, vectors, n),
            }
            output += vectors.max(1) * L::LANES;
        }
        token += n;
    }
}

/// The outputs that do not fill a register, for `tokens` tokens.
#[inline(always)]
unsafe fn rest<L: SimdLevel, E: Element<L>>(o: &OuterProduct, lanes: usize, tokens: usize) {
    let mut token = 0;
    while token < tokens {
        outer_rest::<L, E>(&o.at::<L, E>(0, token), lanes);
        token += 1;
    }
}

/// `R` registers of outputs by `T` tokens.
#[inline(always)]
pub(crate) unsafe fn outer_microkernel<V: Vector, E: Element<V>, const R: usize, const T: usize>(o: &OuterProduct) {
    let mut sums = [[V::zero(); R]; T];
    let mut token = 0;
    while token < T && !o.first {
        let mut r = 0;
        while r < R {
            sums[token][r] = V::load(o.out.add(token * o.out_stride + r * V::LANES));
            r += 1;
        }
        token += 1;
    }
    let mut k = 0;
    while k < o.k {
        let mut weights = [V::zero(); R];
        let mut r = 0;
        while r < R {
            weights[r] = E::load(o.w.add(k * o.w_stride + r * V::LANES * E::BYTES));
            r += 1;
        }
        let mut token = 0;
        while token < T {
            let input = V::splat(*o.x.add(token * o.x_stride + k));
            let mut r = 0;
            while r < R {
                sums[token][r] = weights[r].mul_add(input, sums[token][r]);
                r += 1;
            }
            token += 1;
        }
        k += 1;
    }
    let mut token = 0;
    while token < T {
        let mut r = 0;
        while r < R {
            sums[token][r].store(o.out.add(token * o.out_stride + r * V::LANES));
            r += 1;
        }
        token += 1;
    }
}

/// The last `lanes` outputs, fewer than a register, of one token.
#[inline(always)]
unsafe fn outer_rest<V: Vector, E: Element<V>>(o: &OuterProduct, lanes: usize) {
    let mut sum = if o.first { V::zero() } else { V::load_partial(o.out, lanes) };
    let mut k = 0;
    while k < o.k {
        let weights = E::load_partial(o.w.add(k * o.w_stride), lanes);
        sum = weights.mul_add(V::splat(*o.x.add(k)), sum);
        k += 1;
    }
    sum.store_partial(o.out, lanes);
}

/// Picks the compiled tile for `vectors` (the level's most, or 1) by `tokens` (1 to the level's most).
macro_rules! outer_microkernels {
    ($outer:expr, $vectors:expr, $tokens:expr; $V:ty, $E:ty; $($r:literal x $t:literal,)*) => {
        match ($vectors, $tokens) {
            $(($r, $t) => $crate::matmul::outer_product::outer_microkernel::<$V, $E, $r, $t>($outer),)*
            (vectors, tokens) => unreachable!("no tile of {vectors} x {tokens}"),
        }
    };
}
pub(crate) use outer_microkernels;
