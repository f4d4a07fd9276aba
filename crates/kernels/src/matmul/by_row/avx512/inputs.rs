//! Activations as the kernels of single rows want them: padded with zeros to whole steps, codes in three orders.

use std::arch::x86_64::*;

use super::super::{Inputs, Lens};
use super::{Activations, bf16};
use crate::matmul::int8::inputs::{GROUP, codes_of_group};
use crate::vector::F32x16;

/// Values of a step of every block type.
pub(super) const STEP: usize = 512;
/// Groups of a step, as many as a register has lanes.
const GROUPS: usize = STEP / GROUP;

/// Offsets within a step of a token with 8-bit codes, of whole registers each.
const IN_ORDER: usize = 0;
const SPLIT: usize = STEP;
const PAIRED: usize = 2 * STEP;
const SCALES: usize = 3 * STEP;
const SUMS: usize = SCALES + 4 * GROUPS;
const MOMENTS: usize = SUMS + 4 * GROUPS;
const HALF_SUMS: usize = MOMENTS + 4 * GROUPS;
const INT8_STEP: usize = HALF_SUMS + 4 * GROUPS;

/// Bytes of a token's record, whole cache lines, and of a step of it.
pub(crate) fn lens(activations: Activations, cols: usize) -> Lens {
    let (step, values) = match activations {
        Activations::Int8 => (INT8_STEP, STEP),
        _ => (bf16::STEP_LEN, bf16::VALUES),
    };
    Lens { record: cols.div_ceil(values) * step, step }
}

/// What some tokens bring to a step.
#[derive(Clone, Copy)]
pub(super) struct Step {
    at: *const u8,
    record_len: usize,
}

impl Step {
    /// The `step`th step of the tokens from `first` on.
    #[inline(always)]
    pub fn of(inputs: &Inputs, first: usize, step: usize) -> Step {
        let (at, record_len) = inputs.step(first, step);
        Step { at, record_len }
    }

    #[inline(always)]
    unsafe fn integers(self, token: usize, at: usize) -> __m512i {
        _mm512_loadu_si512(self.at.add(token * self.record_len + at).cast())
    }

    /// The `i`th register of floats of a token.
    #[inline(always)]
    pub unsafe fn floats(self, token: usize, i: usize) -> F32x16 {
        F32x16(_mm512_loadu_ps(self.at.add(token * self.record_len + 64 * i).cast()))
    }

    /// Codes `64 i .. 64 i + 64`.
    #[inline(always)]
    pub unsafe fn in_order(self, token: usize, i: usize) -> __m512i {
        self.integers(token, IN_ORDER + 64 * i)
    }

    /// Of groups `4 k .. 4 k + 4` the first sixteen codes of each (`i = 2 k`), or the others (`i = 2 k + 1`).
    #[inline(always)]
    pub unsafe fn split(self, token: usize, i: usize) -> __m512i {
        self.integers(token, SPLIT + 64 * i)
    }

    /// Of every second of the eight groups from `8 b` on, first sixteen and last sixteen codes: of the even groups
    /// (`i = 4 b`, `4 b + 1`), then of the odd.
    #[inline(always)]
    pub unsafe fn paired(self, token: usize, i: usize) -> __m512i {
        self.integers(token, PAIRED + 64 * i)
    }

    /// The scale of each group.
    #[inline(always)]
    pub unsafe fn scales(self, token: usize) -> F32x16 {
        self.floats(token, SCALES / 64)
    }

    /// The sum of the codes of each group.
    #[inline(always)]
    pub unsafe fn sums(self, token: usize) -> F32x16 {
        self.floats(token, SUMS / 64)
    }

    /// Scale times sum of each group.
    #[inline(always)]
    pub unsafe fn moments(self, token: usize) -> F32x16 {
        self.floats(token, MOMENTS / 64)
    }

    /// The sums of the codes of both halves of each group, 16 bits each.
    #[inline(always)]
    pub unsafe fn half_sums(self, token: usize) -> __m512i {
        self.integers(token, HALF_SUMS)
    }
}

/// Writes the record of one token.
#[inline(always)]
pub(crate) unsafe fn prepare(activations: Activations, x: &[f32], record: *mut u8) {
    match activations {
        Activations::Int8 => quantise(x, record),
        _ => bf16::arrange(x, record.cast()),
    }
}

/// The codes and scales of [`crate::matmul::int8::inputs::quantise`].
#[inline(always)]
unsafe fn quantise(x: &[f32], record: *mut u8) {
    let groups = x.as_chunks::<GROUP>().0;
    let mut g = 0;
    while g < groups.len().next_multiple_of(GROUPS) {
        let (codes, [first, second], scale) = match groups.get(g) {
            Some(group) => codes_of_group(group),
            None => ([0; GROUP], [0.0; 2], 0.0),
        };
        write_group(record.add(g / GROUPS * INT8_STEP), g % GROUPS, &codes, [first, second], scale);
        g += 1;
    }
}

/// Writes group `g` of a step.
#[inline(always)]
unsafe fn write_group(step: *mut u8, g: usize, codes: &[i8; GROUP], [first, second]: [f32; 2], scale: f32) {
    step.add(IN_ORDER + g * GROUP).cast::<[i8; GROUP]>().write(*codes);
    let mut half = 0;
    while half < 2 {
        let codes = codes.as_ptr().add(16 * half).cast::<[i8; 16]>().read();
        step.add(SPLIT + g / 4 * 128 + half * 64 + g % 4 * 16).cast::<[i8; 16]>().write(codes);
        let pair = g / 8 * 256 + g % 2 * 128 + half * 64 + g % 8 / 2 * 16;
        step.add(PAIRED + pair).cast::<[i8; 16]>().write(codes);
        half += 1;
    }
    let sum = first + second;
    step.add(SCALES).cast::<f32>().add(g).write(scale);
    step.add(SUMS).cast::<f32>().add(g).write(sum);
    step.add(MOMENTS).cast::<f32>().add(g).write(scale * sum);
    step.add(HALF_SUMS).cast::<[i16; 2]>().add(g).write([first as i16, second as i16]);
}
