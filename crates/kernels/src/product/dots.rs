//! Rows times one token.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::ops::Range;

use crate::Matrix;
use crate::unpack::{Dot, Unpack, Visit};
use crate::vector::Vector;

/// Rows at once: four running sums cover the latency of a multiply-add, four streams suit the prefetchers.
const ROWS: usize = 4;
const CACHE_LINE: usize = 64;

/// `out[i] = w[rows.start + i] · x`.
pub(crate) struct Dots<'a> {
    pub w: &'a Matrix<'a>,
    pub rows: Range<usize>,
    /// `(cols,)`
    pub x: &'a [f32],
    /// `(rows.len(),)`
    pub out: &'a mut [f32],
}

impl<V: Vector> Visit<V> for Dots<'_> {
    #[inline(always)]
    unsafe fn visit<U: Unpack<V>>(self, unpack: U) {
        let mut row = self.rows.start;
        let mut out = self.out.as_mut_ptr();
        while row + ROWS <= self.rows.end {
            let next = (row + ROWS).min(self.rows.end - ROWS);
            let sums = rows_dot::<V, U, ROWS>(unpack, self.pointers(row), self.pointers(next), self.x);
            out.cast::<[f32; ROWS]>().write(sums);
            (row, out) = (row + ROWS, out.add(ROWS));
        }
        while row < self.rows.end {
            let here = [self.w.row(row).as_ptr()];
            let [sum] = rows_dot::<V, U, 1>(unpack, here, here, self.x);
            out.write(sum);
            (row, out) = (row + 1, out.add(1));
        }
    }
}

impl Dots<'_> {
    #[inline(always)]
    fn pointers(&self, row: usize) -> [*const u8; ROWS] {
        [self.w.row(row), self.w.row(row + 1), self.w.row(row + 2), self.w.row(row + 3)].map(<[u8]>::as_ptr)
    }
}

/// The sums of `R` rows. Streams of one row are too short for the hardware's prefetchers to run ahead of, so that each
/// step asks for its place in the `next` rows.
#[inline(always)]
unsafe fn rows_dot<V: Vector, U: Unpack<V>, const R: usize>(
    unpack: U,
    rows: [*const u8; R],
    next: [*const u8; R],
    x: &[f32],
) -> [f32; R] {
    let mut sums = [V::zero(); R];
    let (steps, rest) = (x.len() / unpack.values(), x.len() % unpack.values());
    let mut step = 0;
    while step < steps {
        let x = x.as_ptr().add(step * unpack.values());
        let at = step * unpack.bytes();
        let mut r = 0;
        while r < R {
            let mut line = 0;
            while line < unpack.bytes() {
                V::prefetch(next[r].wrapping_add(at + line));
                line += CACHE_LINE;
            }
            let mut dot = Dot { sum: sums[r], x };
            unpack.step(rows[r].add(at), &mut dot);
            sums[r] = dot.sum;
            r += 1;
        }
        step += 1;
    }
    let mut out = [0.0; R];
    let mut r = 0;
    while r < R {
        if rest > 0 {
            let x = V::load_partial(x.as_ptr().add(steps * unpack.values()), rest);
            sums[r] = unpack.rest(rows[r].add(steps * unpack.bytes()), rest).mul_add(x, sums[r]);
        }
        out[r] = sums[r].sum();
        r += 1;
    }
    out
}
