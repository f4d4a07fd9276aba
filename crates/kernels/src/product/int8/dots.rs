//! Stripes of rows times one token.

use super::bytes::Bytes;
use super::inputs::{GROUP, Group, Inputs};
use super::rows::{Ahead, Rows, Stripe};
use super::stored::{Affine, MOST_RUNS, Opened, Stored, Visit};
use super::units::{self, Scales};
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
        let mut stripe = Stripe::new(w, first, rows.end, B::ROWS);
        let mut ahead = Ahead::new::<B>(&stripe);
        while first < rows.end {
            let end = first + stripe.len;
            let next = if end < rows.end { Stripe::new(w, end, rows.end, B::ROWS) } else { stripe };
            ahead.turn_to(&next);
            let mut sum = B::Floats::zero();
            let mut col = 0;
            while col < x.cols {
                let values = STEP.min(x.cols - col);
                let rows = stripe.step(stored.bytes(col), stored.bytes(values), &mut self.work.stage);
                let step = Step { x, col, values, rows };
                let opened = &mut self.work.panels[0].opened;
                stored.open(step.rows, values, opened);
                sum = match S::UNITS {
                    true => step.add_block(sum, stored, &mut ahead, opened),
                    false => step.add_groups(sum, stored, &mut ahead, opened),
                };
                col += values;
            }
            sum.store_partial(out.add(first), stripe.len);
            (first, stripe) = (end, next);
        }
    }
}

/// One step of a stripe and the activations that it meets.
pub(crate) struct Step<'a> {
    pub x: &'a Inputs,
    pub col: usize,
    values: usize,
    pub rows: Rows,
}

impl Step<'_> {
    /// `sum` and the step. What is ahead is asked for between the parts: a burst would hold up the loads of the step
    /// itself.
    #[inline(always)]
    unsafe fn add_groups<B: Bytes, S: Stored<B>>(
        &self,
        mut sum: B::Floats,
        stored: S,
        ahead: &mut Ahead,
        opened: &Opened<B>,
    ) -> B::Floats {
        let groups_of_part = 16 * S::RUNS / S::GROUP;
        let groups = self.x.groups(0, S::GROUP, self.col);
        let mut part = 0;
        while part < self.values / (16 * S::RUNS) {
            ahead.fetch::<B>(stored.bytes(STEP) * 16 * S::RUNS / STEP);
            let sums = self.multiply_part(stored, opened, part);
            let mut i = 0;
            while i < groups_of_part {
                let g = part * groups_of_part + i;
                let group = stored.group(self.rows, opened, g);
                sum = fold::<B, S>(sum, B::sum_rows(sums[i]), group, &*groups.add(g));
                i += 1;
            }
            part += 1;
        }
        sum
    }

    /// The same of types with integers for scales.
    #[inline(always)]
    unsafe fn add_block<B: Bytes, S: Stored<B>>(
        &self,
        sum: B::Floats,
        stored: S,
        ahead: &mut Ahead,
        opened: &mut Opened<B>,
    ) -> B::Floats {
        B::Scales::meet::<S>(self, opened);
        let inputs = self.x.groups(0, GROUP, self.col);
        let (mut scaled, mut offset) = (B::Floats::zero(), B::Floats::zero());
        let mut part = 0;
        while part < STEP / (16 * S::RUNS) {
            ahead.fetch::<B>(stored.bytes(STEP) * 16 * S::RUNS / STEP);
            let products = B::Scales::dots(self, stored, opened, part);
            let mut i = 0;
            while i < S::RUNS / 2 {
                let pair = part * S::RUNS / 2 + i;
                let input = &*inputs.add(pair);
                scaled = products[i].mul_add(B::Floats::splat(input.scale), scaled);
                if S::OFFSETS {
                    offset = opened.groups[pair].offset.mul_add(B::Floats::splat(input.moment), offset);
                }
                i += 1;
            }
            part += 1;
        }
        units::close::<B, S>(sum, scaled, offset, &opened.block)
    }

    /// The products of each group of a part, yet to be summed over the four lanes that each row has in a register.
    #[inline(always)]
    pub(super) unsafe fn multiply_part<B: Bytes, S: Stored<B>>(
        &self,
        stored: S,
        opened: &Opened<B>,
        part: usize,
    ) -> [[B; 4]; MOST_RUNS] {
        let x = self.x.codes(0, self.col).add(16 * S::RUNS * part).cast::<u8>();
        let runs = S::GROUP / 16;
        let mut sums = [[B::zero(); 4]; MOST_RUNS];
        let mut q = 0;
        while q < 4 {
            let codes = stored.part(self.rows, opened, q, part);
            let mut i = 0;
            while i < S::RUNS {
                let first = B::repeat_16(x.add(16 * i));
                sums[i / runs][q] = match runs {
                    1 => S::dot(B::zero(), codes[i], first),
                    _ => B::dot_two::<S>([codes[i], codes[i + 1]], [first, B::repeat_16(x.add(16 * i + 16))]),
                };
                i += runs;
            }
            q += 1;
        }
        sums
    }
}

/// `sum` and a group whose codes' dot product is `product`.
#[inline(always)]
pub(super) unsafe fn fold<B: Bytes, S: Stored<B>>(
    sum: B::Floats,
    product: B,
    group: Affine<B::Floats>,
    input: &Group,
) -> B::Floats {
    let sum = units::centred::<B, S>(product, input).mul_add(group.scale.mul(B::Floats::splat(input.scale)), sum);
    match S::OFFSETS {
        true => group.offset.mul_add(B::Floats::splat(input.moment), sum),
        false => sum,
    }
}
