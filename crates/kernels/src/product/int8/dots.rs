//! Stripes of rows times one token.

use super::bytes::Bytes;
use super::inputs::{Group, Inputs};
use super::rows::{Ahead, Rows, Stripe};
use super::stored::{Opened, Stored, Visit};
use super::{Int8Task, Workspace};
use crate::blocks::STEP;
use crate::vector::Vector;

/// A task with one token.
pub(super) struct Dots<'a, B: Bytes> {
    pub task: &'a Int8Task<'a>,
    pub work: &'a mut Workspace<B>,
}

impl<B: Bytes> Visit<B> for Dots<'_, B> {
    #[inline(always)]
    unsafe fn visit<S: Stored<B>>(self, stored: S) {
        let Int8Task { w, rows, x, out } = self.task;
        let mut first = rows.start;
        let lines = Ahead::lines(B::ROWS * stored.bytes(STEP) * 16 * S::RUNS / STEP);
        Stripe::new(w, first, rows.end, B::ROWS).ahead().fetch::<B::Floats>(usize::MAX);
        while first < rows.end {
            let stripe = Stripe::new(w, first, rows.end, B::ROWS);
            let mut ahead = match first + B::ROWS {
                next if next < rows.end => Stripe::new(w, next, rows.end, B::ROWS).ahead(),
                _ => Ahead::nothing(),
            };
            let mut sum = B::Floats::zero();
            let mut col = 0;
            while col < x.cols {
                let values = STEP.min(x.cols - col);
                let rows = stripe.step(stored.bytes(col), stored.bytes(values), &mut self.work.stage);
                let step = Step { x, col, values, lines };
                sum = step.add_to(sum, stored, rows, &mut ahead, &mut self.work.panels[0].opened);
                col += values;
            }
            sum.store_partial(out.add(first), stripe.len);
            first += stripe.len;
        }
    }
}

/// The activations of one step of a stripe.
struct Step<'a> {
    x: &'a Inputs,
    col: usize,
    values: usize,
    /// Cache lines of a part of the stripe.
    lines: usize,
}

impl Step<'_> {
    /// `sum` and the products with `rows`. What is ahead is asked for between the parts: a burst would hold up the loads
    /// of the step itself.
    #[inline(always)]
    unsafe fn add_to<B: Bytes, S: Stored<B>>(
        &self,
        mut sum: B::Floats,
        stored: S,
        rows: Rows,
        ahead: &mut Ahead,
        opened: &mut Opened<B>,
    ) -> B::Floats {
        stored.collect(rows, self.values, opened);
        let mut products = [B::zero(); STEP / 16];
        let mut part = 0;
        while part < self.values / (16 * S::RUNS) {
            ahead.fetch::<B::Floats>(self.lines);
            let codes = [
                stored.part(rows, opened, 0, part),
                stored.part(rows, opened, 1, part),
                stored.part(rows, opened, 2, part),
                stored.part(rows, opened, 3, part),
            ];
            multiply_part::<B, S>(codes, part, self.x.codes(0, self.col), &mut products);
            part += 1;
        }
        stored.open(rows, self.values, opened);
        let groups = self.x.groups(0, S::GROUP, self.col);
        let mut g = 0;
        while g < self.values / S::GROUP {
            sum = fold::<B, S>(sum, products[g], opened, g, &*groups.add(g));
            g += 1;
        }
        sum
    }
}

/// The dot products of the groups of a part, to their places among those of the step.
#[inline(always)]
unsafe fn multiply_part<B: Bytes, S: Stored<B>>(
    [a, b, c, d]: [[B; 4]; 4],
    part: usize,
    x: *const i8,
    products: &mut [B; STEP / 16],
) {
    let runs = S::GROUP / 16;
    let mut i = 0;
    while i < S::RUNS {
        let run = S::run(part, i);
        let x = x.add(16 * run).cast::<u8>();
        let first = B::repeat_16(x);
        let sums = if runs == 1 {
            [
                S::dot(B::zero(), a[i], first),
                S::dot(B::zero(), b[i], first),
                S::dot(B::zero(), c[i], first),
                S::dot(B::zero(), d[i], first),
            ]
        } else {
            let x = [first, B::repeat_16(x.add(16))];
            [
                B::dot_two::<S>([a[i], a[i + 1]], x),
                B::dot_two::<S>([b[i], b[i + 1]], x),
                B::dot_two::<S>([c[i], c[i + 1]], x),
                B::dot_two::<S>([d[i], d[i + 1]], x),
            ]
        };
        products[run / runs] = B::sum_rows(sums);
        i += runs;
    }
}

/// `sum` and group `g` of the opened step, whose codes' dot product is `product`.
#[inline(always)]
pub(super) unsafe fn fold<B: Bytes, S: Stored<B>>(
    sum: B::Floats,
    product: B,
    opened: &Opened<B>,
    g: usize,
    input: &Group,
) -> B::Floats {
    let mut product = product.to_floats();
    if S::ZERO != 0 {
        // Integers far below 2^24: nothing is rounded.
        product = B::Floats::splat(-S::ZERO as f32).mul_add(B::Floats::splat(input.sum), product);
    }
    let sum = product.mul_add(opened.scales[g].mul(B::Floats::splat(input.scale)), sum);
    match S::OFFSETS {
        true => opened.offsets[g].mul_add(B::Floats::splat(input.moment), sum),
        false => sum,
    }
}
