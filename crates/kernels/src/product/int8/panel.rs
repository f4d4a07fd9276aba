//! Stripes of rows times several tokens: codes are unpacked once, into a panel that stays in the first-level cache.

use super::bytes::Bytes;
use super::dots::fold;
use super::inputs::{GROUP, Inputs, Tokens};
use super::rows::{Rows, Stripe};
use super::stored::{Opened, Stored, Visit};
use super::units::{self, Scales};
use super::{Int8Task, Workspace};
use crate::Matrix;
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
pub(crate) struct Panel<B: Bytes> {
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
        let mut stripes = stripes_from::<B>(w, first, rows.end);
        while first < rows.end {
            let next = stripes_from::<B>(w, first + STRIPES * B::ROWS, rows.end);
            let mut col = 0;
            while col < x.cols {
                let values = STEP.min(x.cols - col);
                let mut s = 0;
                while s < STRIPES && stripes[s].len > 0 {
                    let ahead = match col + values < x.cols {
                        true => stripes[s].rows_from(stored.bytes(col + values)),
                        false => next[s].rows_from(0),
                    };
                    let rows = stripes[s].step(stored.bytes(col), stored.bytes(values), stage);
                    panels[s].fill(stored, rows, values, ahead);
                    s += 1;
                }
                let out = if col + values == x.cols { Some(out.add(first)) } else { None };
                let lens = [stripes[0].len, stripes[1].len];
                let tile = Tile { panels, stripes: lens, x, col, values, carry: self.carry, out, out_stride: w.rows() };
                tile.all_tokens::<S>();
                col += values;
            }
            (first, stripes) = (first + STRIPES * B::ROWS, next);
        }
    }
}

/// Two stripes from row `first` on, where there are so many rows before `end`.
#[inline(always)]
unsafe fn stripes_from<'a, B: Bytes>(w: &'a Matrix<'a>, first: usize, end: usize) -> [Stripe<'a>; STRIPES] {
    let (first, second) = (first.min(end), (first + B::ROWS).min(end));
    [Stripe::new(w, first, end, B::ROWS), Stripe::new(w, second, end, B::ROWS)]
}

impl<B: Bytes> Panel<B> {
    /// Unpacks a step of some rows, and asks for the one `ahead` a few rows at a time: more at once would hold it up.
    #[inline(always)]
    unsafe fn fill<S: Stored<B>>(&mut self, stored: S, rows: Rows, values: usize, ahead: Option<Rows>) {
        stored.open(rows, values, &mut self.opened);
        let parts = values / (16 * S::RUNS);
        let mut part = 0;
        while part < parts {
            if let Some(ahead) = ahead {
                ahead.fetch::<B>(part * B::ROWS / parts..(part + 1) * B::ROWS / parts, stored.bytes(STEP));
            }
            let a = stored.part(rows, &self.opened, 0, part);
            let b = stored.part(rows, &self.opened, 1, part);
            let c = stored.part(rows, &self.opened, 2, part);
            let d = stored.part(rows, &self.opened, 3, part);
            let mut i = 0;
            while i < S::RUNS {
                let to = self.codes.as_mut_ptr().add(4 * (part * S::RUNS + i));
                to.cast::<[B; 4]>().write(B::arrange([a[i], b[i], c[i], d[i]]));
                i += 1;
            }
            part += 1;
        }
        if S::UNITS {
            return B::Scales::spread::<S>(&mut self.opened);
        }
        let mut g = 0;
        while g < values / S::GROUP {
            self.opened.groups[g] = stored.group(rows, &self.opened, g);
            g += 1;
        }
    }
}

/// A step of two stripes and the activations that it meets.
pub(crate) struct Tile<'a, B: Bytes> {
    pub panels: &'a [Panel<B>; STRIPES],
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
        let sums = if self.col > 0 { carry.read() } else { [[B::Floats::zero(); STRIPES]; T] };
        let tokens = Tokens::new(self.x, S::GROUP, first, self.col);
        let sums = match S::UNITS {
            true => self.add_block::<S, T>(&tokens, sums),
            false => self.add_groups::<S, T>(&tokens, sums),
        };
        let Some(out) = self.out else { return carry.write(sums) };
        let mut t = 0;
        while t < T {
            let out = out.add((first + t) * self.out_stride);
            sums[t][0].store_partial(out, self.stripes[0]);
            sums[t][1].store_partial(out.add(self.stripes[0]), self.stripes[1]);
            t += 1;
        }
    }

    /// `sums` and the step.
    #[inline(always)]
    unsafe fn add_groups<S: Stored<B>, const T: usize>(
        &self,
        tokens: &Tokens,
        mut sums: [[B::Floats; STRIPES]; T],
    ) -> [[B::Floats; STRIPES]; T] {
        let mut g = 0;
        while g < self.values / S::GROUP {
            let products = B::group::<S, T>(self.codes(g * S::GROUP), tokens.codes(g * S::GROUP));
            let mut t = 0;
            while t < T {
                tokens.fetch_next::<B>(T + t, g);
                let input = tokens.group(t, g);
                sums[t][0] = fold::<B, S>(sums[t][0], products[t][0], self.panels[0].opened.groups[g], input);
                sums[t][1] = fold::<B, S>(sums[t][1], products[t][1], self.panels[1].opened.groups[g], input);
                t += 1;
            }
            g += 1;
        }
        sums
    }

    /// The same of types with integers for scales.
    #[inline(always)]
    unsafe fn add_block<S: Stored<B>, const T: usize>(
        &self,
        tokens: &Tokens,
        mut sums: [[B::Floats; STRIPES]; T],
    ) -> [[B::Floats; STRIPES]; T] {
        let opened = [&self.panels[0].opened, &self.panels[1].opened];
        let mut scaled = [[B::Floats::zero(); STRIPES]; T];
        let mut pair = 0;
        while pair < STEP / GROUP {
            let products = B::Scales::tile::<S, T>(self, tokens, pair);
            let mut t = 0;
            while t < T {
                tokens.fetch_next::<B>(T + t, pair);
                let scale = B::Floats::splat(tokens.pair(t, pair).scale);
                scaled[t] = [products[t][0].mul_add(scale, scaled[t][0]), products[t][1].mul_add(scale, scaled[t][1])];
                t += 1;
            }
            pair += 1;
        }
        let mut t = 0;
        while t < T {
            let mut offsets = [B::Floats::zero(); STRIPES];
            let mut pair = 0;
            while S::OFFSETS && pair < STEP / GROUP {
                let moment = B::Floats::splat(tokens.pair(t, pair).moment);
                offsets = [
                    opened[0].groups[pair].offset.mul_add(moment, offsets[0]),
                    opened[1].groups[pair].offset.mul_add(moment, offsets[1]),
                ];
                pair += 1;
            }
            sums[t] = [
                units::close::<B, S>(sums[t][0], scaled[t][0], offsets[0], &opened[0].block),
                units::close::<B, S>(sums[t][1], scaled[t][1], offsets[1], &opened[1].block),
            ];
            t += 1;
        }
        sums
    }

    /// Where the codes of both stripes from value `at` of the step on lie.
    #[inline(always)]
    pub unsafe fn codes(&self, at: usize) -> [*const B; STRIPES] {
        [self.panels[0].codes.as_ptr().add(at / 4), self.panels[1].codes.as_ptr().add(at / 4)]
    }
}

/// [`Bytes::group`] of transposed codes: register `k` has the codes `4 k .. 4 k + 4` of every row.
#[inline(always)]
pub(super) unsafe fn by_dots<B: Bytes, S: Stored<B>, const T: usize>(
    registers: usize,
    codes: [*const B; STRIPES],
    x: [*const i8; T],
) -> [[B; STRIPES]; T] {
    let mut products = [[B::zero(); STRIPES]; T];
    let mut k = 0;
    while k < registers {
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
