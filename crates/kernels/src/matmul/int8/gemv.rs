//! Strips of rows times a few tokens (GEMV): codes are unpacked into registers, and met there by one token after the other.

use super::bytes::Bytes;
use super::inputs::{Group, Tokens};
use super::integer_scales::{self, Scales};
use super::row_strip::{Ahead, RowStrip, Rows};
use super::stored::{Affine, MOST_RUNS, Stored, UnpackedStep, Visit};
use super::{Int8Task, Workspace};
use crate::blocks::STEP;
use crate::vector::Vector;

/// A task with `T` tokens: one, or a few that share the unpacking of codes.
pub(super) struct Gemv<'a, B: Bytes, const T: usize> {
    pub task: &'a Int8Task<'a>,
    pub work: &'a mut Workspace<B>,
}

impl<B: Bytes, const T: usize> Visit<B> for Gemv<'_, B, T> {
    #[inline(always)]
    unsafe fn visit<S: Stored<B>>(self, stored: S) {
        let Int8Task { w, rows, x, out } = self.task;
        let mut first = rows.start;
        let mut strip = RowStrip::new(w, first, rows.end, B::ROWS);
        let mut ahead = Ahead::new::<B>(&strip);
        while first < rows.end {
            let end = first + strip.len;
            let next = if end < rows.end { RowStrip::new(w, end, rows.end, B::ROWS) } else { strip };
            ahead.turn_to(&next);
            let mut sums = [B::Floats::zero(); T];
            let mut col = 0;
            while col < x.cols {
                let values = STEP.min(x.cols - col);
                let rows = strip.step(stored.bytes(col), stored.bytes(values), &mut self.work.stage);
                let unpacked = &mut self.work.panels[0].unpacked;
                stored.unpack_shared(rows, values, unpacked);
                let step = Step { values, rows, unpacked };
                let tokens = Tokens::new(x, S::GROUP, 0, col);
                sums = match S::INTEGER_SCALES {
                    true => step.add_block(sums, stored, &mut ahead, &tokens),
                    false => step.add_groups(sums, stored, &mut ahead, &tokens),
                };
                col += values;
            }
            let mut t = 0;
            while t < T {
                sums[t].store_partial(out.add(t * w.rows() + first), strip.len);
                t += 1;
            }
            (first, strip) = (end, next);
        }
    }
}

/// One step of a strip.
pub(crate) struct Step<'a, B: Bytes> {
    values: usize,
    pub rows: Rows,
    pub unpacked: &'a UnpackedStep<B>,
}

/// The codes of a part: register `q` of the strip, then the run.
pub(super) type Part<B> = [[B; MOST_RUNS]; 4];

impl<B: Bytes> Step<'_, B> {
    /// `sums` and the step. What is ahead is asked for between the parts: a burst would hold up the loads of the step
    /// itself.
    #[inline(always)]
    unsafe fn add_groups<S: Stored<B>, const T: usize>(
        &self,
        mut sums: [B::Floats; T],
        stored: S,
        ahead: &mut Ahead,
        tokens: &Tokens,
    ) -> [B::Floats; T] {
        let groups_of_part = 16 * S::RUNS / S::GROUP;
        let mut part = 0;
        while part < self.values / (16 * S::RUNS) {
            ahead.fetch::<B>(B::ROWS * stored.bytes(STEP) * 16 * S::RUNS / STEP);
            let codes = self.part(stored, part);
            let mut i = 0;
            while i < groups_of_part {
                let g = part * groups_of_part + i;
                let group = stored.group(self.rows, self.unpacked, g);
                let x = tokens.codes::<T>(g * S::GROUP);
                let mut t = 0;
                while t < T {
                    let product = B::sum_rows(products::<B, S>(&codes, i, x[t]));
                    sums[t] = accumulate_group::<B, S>(sums[t], product, group, tokens.group(t, g));
                    t += 1;
                }
                i += 1;
            }
            part += 1;
        }
        sums
    }

    /// The same of types with integers for scales.
    #[inline(always)]
    unsafe fn add_block<S: Stored<B>, const T: usize>(
        &self,
        mut sums: [B::Floats; T],
        stored: S,
        ahead: &mut Ahead,
        tokens: &Tokens,
    ) -> [B::Floats; T] {
        let (mut scaled, mut offsets) = ([B::Floats::zero(); T], [B::Floats::zero(); T]);
        let mut part = 0;
        while part < STEP / (16 * S::RUNS) {
            ahead.fetch::<B>(B::ROWS * stored.bytes(STEP) * 16 * S::RUNS / STEP);
            let products = B::Scales::dots::<S, T>(self, stored, part, tokens);
            let mut i = 0;
            while i < S::RUNS / 2 {
                let pair = part * S::RUNS / 2 + i;
                let mut t = 0;
                while t < T {
                    let input = tokens.pair(t, pair);
                    scaled[t] = products[i][t].mul_add(B::Floats::splat(input.scale), scaled[t]);
                    if S::OFFSETS {
                        let moment = B::Floats::splat(input.moment);
                        offsets[t] = self.unpacked.groups[pair].offset.mul_add(moment, offsets[t]);
                    }
                    t += 1;
                }
                i += 1;
            }
            part += 1;
        }
        let mut t = 0;
        while t < T {
            sums[t] = integer_scales::finish_block::<B, S>(sums[t], scaled[t], offsets[t], &self.unpacked.block);
            t += 1;
        }
        sums
    }

    /// All codes of a part.
    #[inline(always)]
    pub unsafe fn part<S: Stored<B>>(&self, stored: S, part: usize) -> Part<B> {
        [
            stored.part(self.rows, self.unpacked, 0, part),
            stored.part(self.rows, self.unpacked, 1, part),
            stored.part(self.rows, self.unpacked, 2, part),
            stored.part(self.rows, self.unpacked, 3, part),
        ]
    }
}

/// The products of the `i`th group of a part with the codes at `x`, yet to be summed over the four lanes that each row has
/// in a register.
#[inline(always)]
pub(super) unsafe fn products<B: Bytes, S: Stored<B>>(codes: &Part<B>, i: usize, x: *const i8) -> [B; 4] {
    let runs = S::GROUP / 16;
    let first = B::repeat_16(x.cast());
    let second = if runs == 2 { B::repeat_16(x.add(16).cast()) } else { first };
    let mut products = [B::zero(); 4];
    let mut q = 0;
    while q < 4 {
        products[q] = match runs {
            1 => S::dot(B::zero(), codes[q][i], first),
            _ => B::dot_two::<S>([codes[q][2 * i], codes[q][2 * i + 1]], [first, second]),
        };
        q += 1;
    }
    products
}

/// `sum` and a group whose codes' dot product is `product`.
#[inline(always)]
pub(super) unsafe fn accumulate_group<B: Bytes, S: Stored<B>>(
    sum: B::Floats,
    product: B,
    group: Affine<B::Floats>,
    input: &Group,
) -> B::Floats {
    let sum =
        integer_scales::centred::<B, S>(product, input).mul_add(group.scale.mul(B::Floats::splat(input.scale)), sum);
    match S::OFFSETS {
        true => group.offset.mul_add(B::Floats::splat(input.moment), sum),
        false => sum,
    }
}
