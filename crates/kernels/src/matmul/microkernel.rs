//! The GEMM microkernel: a tile of rows by tokens, all its running sums in registers. Lanes are inputs.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use super::operands::Tile;
use crate::simd_level::SimdLevel;
use crate::unpack::Element;
use crate::vector::Vector;

/// Loops over the sums of a tile; a macro because a closure would not inherit the features of the entry point.
macro_rules! for_each_sum {
    ($R:expr, $T:expr, |$row:ident, $token:ident| $body:block) => {
        let mut $token = 0;
        while $token < $T {
            let mut $row = 0;
            while $row < $R {
                $body
                $row += 1;
            }
            $token += 1;
        }
    };
}

/// Any number of rows and tokens, in tiles of the level's size: a few tokens stay in the first-level cache while all
/// rows pass by.
#[inline(always)]
pub(crate) unsafe fn tiled<L: SimdLevel, E: Element<L>>(t: &Tile, rows: usize, tokens: usize) {
    let mut token = 0;
    while token < tokens {
        let n = L::TILE_TOKENS.min(tokens - token);
        let mut row = 0;
        while row < rows {
            let r = if rows - row >= L::TILE_ROWS { L::TILE_ROWS } else { 1 };
            L::microkernel::<E>(&t.at::<L>(row, token), r, n);
            row += r;
        }
        token += n;
    }
}

/// `R` rows by `T` tokens.
#[inline(always)]
pub(crate) unsafe fn microkernel<V: Vector, E: Element<V>, const R: usize, const T: usize>(t: &Tile) {
    let mut sums = [[V::zero(); R]; T];
    if !t.first {
        for_each_sum!(R, T, |row, token| {
            sums[token][row] = V::load(t.carry.add(token * t.carry_stride + row * V::LANES));
        });
    }
    let whole = t.k / V::LANES * V::LANES;
    let mut k = 0;
    while k < whole {
        let (w, x) = (t.w.add(k * E::BYTES), t.x.add(k));
        let mut weights = [V::zero(); R];
        let mut row = 0;
        while row < R {
            weights[row] = E::load(w.add(row * t.w_stride));
            row += 1;
        }
        let mut token = 0;
        while token < T {
            let input = V::load(x.add(token * t.x_stride));
            let mut row = 0;
            while row < R {
                sums[token][row] = weights[row].mul_add(input, sums[token][row]);
                row += 1;
            }
            token += 1;
        }
        k += V::LANES;
    }
    if whole < t.k {
        let rest = t.k - whole;
        for_each_sum!(R, T, |row, token| {
            let weights = E::load_partial(t.w.add(row * t.w_stride + whole * E::BYTES), rest);
            let input = V::load_partial(t.x.add(token * t.x_stride + whole), rest);
            sums[token][row] = weights.mul_add(input, sums[token][row]);
        });
    }
    if t.last {
        let mut token = 0;
        while token < T {
            V::store_sums(&sums[token], t.out.add(token * t.out_stride));
            token += 1;
        }
    } else {
        for_each_sum!(R, T, |row, token| {
            sums[token][row].store(t.carry.add(token * t.carry_stride + row * V::LANES));
        });
    }
}

/// Picks the compiled tile for `rows` (the level's most, or 1) by `tokens` (1 to the level's most).
macro_rules! microkernels {
    ($tile:expr, $rows:expr, $tokens:expr; $V:ty, $E:ty; $($r:literal x $t:literal,)*) => {
        match ($rows, $tokens) {
            $(($r, $t) => $crate::matmul::microkernel::microkernel::<$V, $E, $r, $t>($tile),)*
            (rows, tokens) => unreachable!("no tile of {rows} x {tokens}"),
        }
    };
}
pub(crate) use microkernels;
