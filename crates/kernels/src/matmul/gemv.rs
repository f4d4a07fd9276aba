//! GEMV: rows times one token.
#![allow(unsafe_op_in_unsafe_fn)] // see the module's contract

use std::ops::Range;

use crate::Matrix;
use crate::unpack::{Sink, Unpack, Visit};
use crate::vector::Vector;

/// Rows at once: four running sums cover the latency of a multiply-add, four streams suit the prefetchers.
const ROWS: usize = 4;
const CACHE_LINE: usize = 64;
/// Bytes of each row that are on their way while it is read.
const AHEAD: usize = 2048;

/// `out[i] = w[rows.start + i] · x`.
pub(crate) struct Gemv<'a> {
    pub w: &'a Matrix<'a>,
    pub rows: Range<usize>,
    /// `(cols,)`
    pub x: &'a [f32],
    /// `(rows.len(),)`
    pub out: &'a mut [f32],
}

impl<V: Vector> Visit<V> for Gemv<'_> {
    #[inline(always)]
    unsafe fn visit<U: Unpack<V>>(self, unpack: U) {
        let mut row = self.rows.start;
        let mut out = self.out.as_mut_ptr();
        while row + ROWS <= self.rows.end {
            let next = (row + ROWS).min(self.rows.end - ROWS);
            let sums = four_rows::<V, U>(unpack, self.pointers(row), self.pointers(next), self.x);
            out.cast::<[f32; ROWS]>().write(sums);
            (row, out) = (row + ROWS, out.add(ROWS));
        }
        while row < self.rows.end {
            out.write(one_row::<V, U>(unpack, self.w.row(row).as_ptr(), self.x));
            (row, out) = (row + 1, out.add(1));
        }
    }
}

impl Gemv<'_> {
    #[inline(always)]
    fn pointers(&self, row: usize) -> [*const u8; ROWS] {
        [self.w.row(row), self.w.row(row + 1), self.w.row(row + 2), self.w.row(row + 3)].map(<[u8]>::as_ptr)
    }
}

/// Four rows, which take turns after each part of a step. Streams of one row are too short for the hardware's
/// prefetchers to run ahead of, so that each step asks for what comes later in these rows or in the `next`.
#[inline(always)]
unsafe fn four_rows<V: Vector, U: Unpack<V>>(
    unpack: U,
    rows: [*const u8; ROWS],
    next: [*const u8; ROWS],
    x: &[f32],
) -> [f32; ROWS] {
    let [mut a, mut b, mut c, mut d] = [Dot::<V>::new(x); ROWS];
    let (steps, rest) = (x.len() / unpack.values(), x.len() % unpack.values());
    let [mut row_a, mut row_b, mut row_c, mut row_d] = rows;
    let row_bytes = steps * unpack.bytes();
    let ahead = AHEAD.min(row_bytes);
    let mut step = 0;
    while step < steps {
        match step * unpack.bytes() + ahead {
            at if at < row_bytes => prefetch::<V>(&rows, at, unpack.bytes()),
            at => prefetch::<V>(&next, at - row_bytes, unpack.bytes()),
        }
        let of_a = unpack.load_shared(row_a);
        let of_b = unpack.load_shared(row_b);
        let of_c = unpack.load_shared(row_c);
        let of_d = unpack.load_shared(row_d);
        let (of_a, of_b, of_c, of_d) = (U::spill(&of_a), U::spill(&of_b), U::spill(&of_c), U::spill(&of_d));
        let mut part = 0;
        while part < U::PARTS {
            unpack.part(row_a, of_a, part, &mut a);
            unpack.part(row_b, of_b, part, &mut b);
            unpack.part(row_c, of_c, part, &mut c);
            unpack.part(row_d, of_d, part, &mut d);
            part += 1;
        }
        for dot in [&mut a, &mut b, &mut c, &mut d] {
            dot.x = dot.x.add(unpack.values());
        }
        let bytes = unpack.bytes();
        (row_a, row_b, row_c, row_d) = (row_a.add(bytes), row_b.add(bytes), row_c.add(bytes), row_d.add(bytes));
        step += 1;
    }
    [
        a.finish(unpack, row_a, rest),
        b.finish(unpack, row_b, rest),
        c.finish(unpack, row_c, rest),
        d.finish(unpack, row_d, rest),
    ]
}

#[inline(always)]
unsafe fn one_row<V: Vector, U: Unpack<V>>(unpack: U, mut row: *const u8, x: &[f32]) -> f32 {
    let mut dot = Dot::<V>::new(x);
    let mut step = 0;
    while step < x.len() / unpack.values() {
        unpack.step(row, &mut dot);
        dot.x = dot.x.add(unpack.values());
        row = row.add(unpack.bytes());
        step += 1;
    }
    dot.finish(unpack, row, x.len() % unpack.values())
}

/// Asks for the lines of `bytes` bytes from `at` on of each row; of steps shorter than a line, only those that begin one.
#[inline(always)]
unsafe fn prefetch<V: Vector>(rows: &[*const u8; ROWS], at: usize, bytes: usize) {
    let mut line = if at % CACHE_LINE < bytes { 0 } else { bytes };
    while line < bytes {
        let mut row = 0;
        while row < ROWS {
            V::prefetch(rows[row].wrapping_add(at + line));
            row += 1;
        }
        line += CACHE_LINE;
    }
}

/// Multiplies weights with the inputs at `x` onto a running sum, in order.
#[derive(Clone, Copy)]
struct Dot<V> {
    sum: V,
    x: *const f32,
}

impl<V: Vector> Dot<V> {
    #[inline(always)]
    unsafe fn new(x: &[f32]) -> Self {
        Dot { sum: V::zero(), x: x.as_ptr() }
    }

    /// The complete sum, with the `rest` inputs that do not fill a step.
    #[inline(always)]
    unsafe fn finish<U: Unpack<V>>(self, unpack: U, row: *const u8, rest: usize) -> f32 {
        if rest == 0 {
            return self.sum.sum();
        }
        unpack.rest(row, rest).mul_add(V::load_partial(self.x, rest), self.sum).sum()
    }
}

impl<V: Vector> Sink<V> for Dot<V> {
    #[inline(always)]
    unsafe fn put(&mut self, i: usize, weights: V) {
        self.sum = weights.mul_add(V::load(self.x.add(i * V::LANES)), self.sum);
    }
}
