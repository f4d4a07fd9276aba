//! Strips of rows times several tokens (GEMM): codes are packed once, into a panel that stays in the first-level cache.

use super::bytes::Bytes;
use super::gemv::accumulate_group;
use super::inputs::{GROUP, Inputs, Tokens};
use super::integer_scales::{self, Scales};
use super::row_strip::{RowStrip, Rows};
use super::stored::{Stored, UnpackedStep, Visit};
use super::{Int8Task, Workspace};
use crate::Matrix;
use crate::blocks::STEP;
use crate::vector::Vector;

/// Strips that share each broadcast of activations.
pub(super) const STRIPS: usize = 2;

/// A task with several tokens.
pub(super) struct Gemm<'a, B: Bytes> {
    pub task: &'a Int8Task<'a>,
    pub work: &'a mut Workspace<B>,
    /// Sums of two strips and all tokens, between two steps: side by side, unlike outputs, whose distance may be a power
    /// of two and then throws them out of the caches.
    pub carry: *mut f32,
}

/// One step of a strip, unpacked.
#[repr(C)]
pub(crate) struct Panel<B: Bytes> {
    /// Four registers for each run of 16 values, as [`Bytes::arrange`] makes them.
    codes: [B; STEP / 4],
    pub unpacked: UnpackedStep<B>,
}

impl<B: Bytes> Visit<B> for Gemm<'_, B> {
    #[inline(always)]
    unsafe fn visit<S: Stored<B>>(self, stored: S) {
        let Int8Task { w, rows, x, out } = self.task;
        let Workspace { panels, stage } = self.work;
        let mut first = rows.start;
        let mut strips = strips_from::<B>(w, first, rows.end);
        while first < rows.end {
            let next = strips_from::<B>(w, first + STRIPS * B::ROWS, rows.end);
            let mut col = 0;
            while col < x.cols {
                let values = STEP.min(x.cols - col);
                let mut s = 0;
                while s < STRIPS && strips[s].len > 0 {
                    let ahead = match col + values < x.cols {
                        true => strips[s].rows_from(stored.bytes(col + values)),
                        false => next[s].rows_from(0),
                    };
                    let rows = strips[s].step(stored.bytes(col), stored.bytes(values), stage);
                    panels[s].fill(stored, rows, values, ahead);
                    s += 1;
                }
                let out = if col + values == x.cols { Some(out.add(first)) } else { None };
                let lens = [strips[0].len, strips[1].len];
                let tile = Tile { panels, strips: lens, x, col, values, carry: self.carry, out, out_stride: w.rows() };
                tile.all_tokens::<S>();
                col += values;
            }
            (first, strips) = (first + STRIPS * B::ROWS, next);
        }
    }
}

/// Two strips from row `first` on, where there are so many rows before `end`.
#[inline(always)]
unsafe fn strips_from<'a, B: Bytes>(w: &'a Matrix<'a>, first: usize, end: usize) -> [RowStrip<'a>; STRIPS] {
    let (first, second) = (first.min(end), (first + B::ROWS).min(end));
    [RowStrip::new(w, first, end, B::ROWS), RowStrip::new(w, second, end, B::ROWS)]
}

impl<B: Bytes> Panel<B> {
    /// Unpacks a step of some rows, and asks for the one `ahead` a few rows at a time: more at once would hold it up.
    #[inline(always)]
    unsafe fn fill<S: Stored<B>>(&mut self, stored: S, rows: Rows, values: usize, ahead: Option<Rows>) {
        stored.unpack_shared(rows, values, &mut self.unpacked);
        let parts = values / (16 * S::RUNS);
        let mut part = 0;
        while part < parts {
            if let Some(ahead) = ahead {
                ahead.fetch::<B>(part * B::ROWS / parts..(part + 1) * B::ROWS / parts, stored.bytes(STEP));
            }
            let a = stored.part(rows, &self.unpacked, 0, part);
            let b = stored.part(rows, &self.unpacked, 1, part);
            let c = stored.part(rows, &self.unpacked, 2, part);
            let d = stored.part(rows, &self.unpacked, 3, part);
            let mut i = 0;
            while i < S::RUNS {
                let to = self.codes.as_mut_ptr().add(4 * (part * S::RUNS + i));
                to.cast::<[B; 4]>().write(B::arrange([a[i], b[i], c[i], d[i]]));
                i += 1;
            }
            part += 1;
        }
        if S::INTEGER_SCALES {
            return B::Scales::broadcast::<S>(&mut self.unpacked);
        }
        let mut g = 0;
        while g < values / S::GROUP {
            self.unpacked.groups[g] = stored.group(rows, &self.unpacked, g);
            g += 1;
        }
    }
}

/// A step of two strips and the activations that it meets.
pub(crate) struct Tile<'a, B: Bytes> {
    pub panels: &'a [Panel<B>; STRIPS],
    /// Rows of each that count.
    strips: [usize; STRIPS],
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
        let carry = self.carry.add(first * STRIPS * B::ROWS).cast::<[[B::Floats; STRIPS]; T]>();
        let sums = if self.col > 0 { carry.read() } else { [[B::Floats::zero(); STRIPS]; T] };
        let tokens = Tokens::new(self.x, S::GROUP, first, self.col);
        let sums = match S::INTEGER_SCALES {
            true => self.add_block::<S, T>(&tokens, sums),
            false => self.add_groups::<S, T>(&tokens, sums),
        };
        let Some(out) = self.out else { return carry.write(sums) };
        let mut t = 0;
        while t < T {
            let out = out.add((first + t) * self.out_stride);
            sums[t][0].store_partial(out, self.strips[0]);
            sums[t][1].store_partial(out.add(self.strips[0]), self.strips[1]);
            t += 1;
        }
    }

    /// `sums` and the step.
    #[inline(always)]
    unsafe fn add_groups<S: Stored<B>, const T: usize>(
        &self,
        tokens: &Tokens,
        mut sums: [[B::Floats; STRIPS]; T],
    ) -> [[B::Floats; STRIPS]; T] {
        let mut g = 0;
        while g < self.values / S::GROUP {
            let products = B::group::<S, T>(self.codes(g * S::GROUP), tokens.codes(g * S::GROUP));
            let mut t = 0;
            while t < T {
                tokens.fetch_next::<B>(T + t, g);
                let input = tokens.group(t, g);
                sums[t][0] =
                    accumulate_group::<B, S>(sums[t][0], products[t][0], self.panels[0].unpacked.groups[g], input);
                sums[t][1] =
                    accumulate_group::<B, S>(sums[t][1], products[t][1], self.panels[1].unpacked.groups[g], input);
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
        mut sums: [[B::Floats; STRIPS]; T],
    ) -> [[B::Floats; STRIPS]; T] {
        let unpacked = [&self.panels[0].unpacked, &self.panels[1].unpacked];
        let mut scaled = [[B::Floats::zero(); STRIPS]; T];
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
            let mut offsets = [B::Floats::zero(); STRIPS];
            let mut pair = 0;
            while S::OFFSETS && pair < STEP / GROUP {
                let moment = B::Floats::splat(tokens.pair(t, pair).moment);
                offsets = [
                    unpacked[0].groups[pair].offset.mul_add(moment, offsets[0]),
                    unpacked[1].groups[pair].offset.mul_add(moment, offsets[1]),
                ];
                pair += 1;
            }
            sums[t] = [
                integer_scales::finish_block::<B, S>(sums[t][0], scaled[t][0], offsets[0], &unpacked[0].block),
                integer_scales::finish_block::<B, S>(sums[t][1], scaled[t][1], offsets[1], &unpacked[1].block),
            ];
            t += 1;
        }
        sums
    }

    /// Where the codes of both strips from value `at` of the step on lie.
    #[inline(always)]
    pub unsafe fn codes(&self, at: usize) -> [*const B; STRIPS] {
        [self.panels[0].codes.as_ptr().add(at / 4), self.panels[1].codes.as_ptr().add(at / 4)]
    }
}

/// [`Bytes::group`] of transposed codes: register `k` has the codes `4 k .. 4 k + 4` of every row.
#[inline(always)]
pub(super) unsafe fn by_dots<B: Bytes, S: Stored<B>, const T: usize>(
    registers: usize,
    codes: [*const B; STRIPS],
    x: [*const i8; T],
) -> [[B; STRIPS]; T] {
    let mut products = [[B::zero(); STRIPS]; T];
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
