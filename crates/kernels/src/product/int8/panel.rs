//! Stripes of rows times several tokens: codes are unpacked once, into a panel that stays in the first-level cache.

use super::bytes::Bytes;
use super::dots::fold;
use super::inputs::{Group, Inputs};
use super::rows::{Stage, Stripe};
use super::stored::{Opened, Stored, Visit};
use super::{Int8Task, Workspace};
use crate::blocks::STEP;
use crate::vector::Vector;

/// Stripes that share each broadcast of activations.
pub(super) const STRIPES: usize = 2;

/// A task with several tokens.
pub(super) struct Panels<'a, B: Bytes> {
    pub task: &'a Int8Task<'a>,
    pub work: &'a mut Workspace<B>,
    /// Sums of two stripes and all tokens, between two steps: side by side, unlike outputs, whose distance may be a power
    /// of two and then throws them out of the caches.
    pub carry: *mut f32,
}

/// One step of a stripe, unpacked.
#[repr(C)]
pub(super) struct Panel<B: Bytes> {
    /// Four registers for each run of 16 values, as [`Bytes::arrange`] makes them.
    codes: [B; STEP / 4],
    pub opened: Opened<B>,
}

impl<B: Bytes> Visit<B> for Panels<'_, B> {
    #[inline(always)]
    unsafe fn visit<S: Stored<B>>(self, stored: S) {
        let Int8Task { w, rows, x, out } = self.task;
        let Workspace { panels, stage } = self.work;
        let mut first = rows.start;
        while first < rows.end {
            let middle = (first + B::ROWS).min(rows.end);
            let last = (middle + B::ROWS).min(rows.end);
            let stripes = [Stripe::new(w, first, middle, B::ROWS), Stripe::new(w, middle, last, B::ROWS)];
            let mut col = 0;
            while col < x.cols {
                let values = STEP.min(x.cols - col);
                panels[0].fill(stored, &stripes[0], col, values, stage);
                if stripes[1].len > 0 {
                    panels[1].fill(stored, &stripes[1], col, values, stage);
                }
                let out = if col + values == x.cols { Some(out.add(first)) } else { None };
                let stripes = [stripes[0].len, stripes[1].len];
                let tile = Tile { panels, stripes, x, col, values, carry: self.carry, out, out_stride: w.rows() };
                tile.all_tokens::<S>();
                col += values;
            }
            first = last;
        }
    }
}

impl<B: Bytes> Panel<B> {
    #[inline(always)]
    unsafe fn fill<S: Stored<B>>(&mut self, stored: S, stripe: &Stripe, col: usize, values: usize, stage: &mut Stage) {
        let rows = stripe.step(stored.bytes(col), stored.bytes(values), stage);
        stored.collect(rows, values, &mut self.opened);
        let mut part = 0;
        while part < values / (16 * S::RUNS) {
            let a = stored.part(rows, &self.opened, 0, part);
            let b = stored.part(rows, &self.opened, 1, part);
            let c = stored.part(rows, &self.opened, 2, part);
            let d = stored.part(rows, &self.opened, 3, part);
            let mut i = 0;
            while i < S::RUNS {
                let to = self.codes.as_mut_ptr().add(4 * S::run(part, i));
                to.cast::<[B; 4]>().write(B::arrange([a[i], b[i], c[i], d[i]]));
                i += 1;
            }
            part += 1;
        }
        stored.open(rows, values, &mut self.opened);
    }
}

/// A step of two stripes and the activations that it meets.
struct Tile<'a, B: Bytes> {
    panels: &'a [Panel<B>; STRIPES],
    /// Rows of each that count.
    stripes: [usize; STRIPES],
    x: &'a Inputs,
    col: usize,
    values: usize,
    /// `(n, 2 * B::ROWS)`
    carry: *mut f32,
    /// Row 0, token 0 of the results, after the last step; tokens are `out_stride` apart.
    out: Option<*mut f32>,
    out_stride: usize,
}

impl<B: Bytes> Tile<'_, B> {
    /// Adds the step to the sums of every token.
    #[inline(always)]
    unsafe fn all_tokens<S: Stored<B>>(&self) {
        let mut token = 0;
        while token < self.x.n {
            let n = B::TOKENS.min(self.x.n - token);
            match n {
                0 | 7.. => unreachable!("a tile has at most 6 tokens"),
                1 => self.tokens::<S, 1>(token),
                2 => self.tokens::<S, 2>(token),
                3 => self.tokens::<S, 3>(token),
                4 => self.tokens::<S, 4>(token),
                5 => self.tokens::<S, 5>(token),
                6 => self.tokens::<S, 6>(token),
            }
            token += n;
        }
    }

    /// `T` tokens from `first` on.
    #[inline(always)]
    unsafe fn tokens<S: Stored<B>, const T: usize>(&self, first: usize) {
        let carry = self.carry.add(first * STRIPES * B::ROWS).cast::<[[B::Floats; STRIPES]; T]>();
        let mut sums = [[B::Floats::zero(); STRIPES]; T];
        let (mut codes, mut groups) = ([std::ptr::null::<i8>(); T], [std::ptr::null::<Group>(); T]);
        let mut t = 0;
        while t < T {
            codes[t] = self.x.codes(first + t, self.col);
            groups[t] = self.x.groups(first + t, S::GROUP, self.col);
            t += 1;
        }
        if self.col > 0 {
            sums = carry.read();
        }
        let mut g = 0;
        while g < self.values / S::GROUP {
            let products = self.group::<S, T>(g, &codes);
            let mut t = 0;
            while t < T {
                // The next tile's activations, a cache line for each group: they wait in the second-level cache.
                let line = if g < 4 {
                    self.x.codes(first + T + t, self.col).cast::<u8>()
                } else {
                    self.x.groups(first + T + t, S::GROUP, self.col).cast()
                };
                B::Floats::prefetch(line.wrapping_add(g % 4 * 64));
                let input = &*groups[t].add(g);
                sums[t][0] = fold::<B, S>(sums[t][0], products[t][0], &self.panels[0].opened, g, input);
                sums[t][1] = fold::<B, S>(sums[t][1], products[t][1], &self.panels[1].opened, g, input);
                t += 1;
            }
            g += 1;
        }
        let Some(out) = self.out else { return carry.write(sums) };
        let mut t = 0;
        while t < T {
            let out = out.add((first + t) * self.out_stride);
            sums[t][0].store_partial(out, self.stripes[0]);
            sums[t][1].store_partial(out.add(self.stripes[0]), self.stripes[1]);
            t += 1;
        }
    }

    /// The dot products of group `g`.
    #[inline(always)]
    unsafe fn group<S: Stored<B>, const T: usize>(&self, g: usize, x: &[*const i8; T]) -> [[B; STRIPES]; T] {
        let first = g * S::GROUP;
        let codes = [self.panels[0].codes.as_ptr().add(first / 4), self.panels[1].codes.as_ptr().add(first / 4)];
        let mut inputs = *x;
        let mut t = 0;
        while t < T {
            inputs[t] = inputs[t].add(first);
            t += 1;
        }
        B::group::<S, T>(codes, inputs)
    }
}

/// [`Bytes::group`] of transposed codes: register `k` has the codes `4 k .. 4 k + 4` of every row.
#[inline(always)]
pub(super) unsafe fn by_dots<B: Bytes, S: Stored<B>, const T: usize>(
    codes: [*const B; STRIPES],
    x: [*const i8; T],
) -> [[B; STRIPES]; T] {
    let mut products = [[B::zero(); STRIPES]; T];
    let mut k = 0;
    while k < S::GROUP / 4 {
        let codes = [codes[0].add(k).read(), codes[1].add(k).read()];
        let mut t = 0;
        while t < T {
            let input = B::repeat_4(x[t].add(4 * k).cast());
            products[t][0] = S::dot(products[t][0], codes[0], input);
            products[t][1] = S::dot(products[t][1], codes[1], input);
            t += 1;
        }
        k += 1;
    }
    products
}
