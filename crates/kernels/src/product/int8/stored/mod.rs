//! Stored types as codes in registers, each written once for all levels.

mod decoded;
mod q4_0;
mod q4_k;
mod q6_k;
mod q8_0;

use super::bytes::Bytes;
use super::rows::{MOST, Rows};
use crate::DType;
use crate::blocks::{Codes, STEP};
use crate::vector::Vector;

/// One stored type, read in steps of [`STEP`] values of a stripe (fewer at the end of a row, where blocks are smaller).
///
/// A weight is its group's scale times its code (less [`Stored::ZERO`]), plus the group's offset if there are any.
pub(crate) trait Stored<B: Bytes>: Copy {
    /// Values of a group: 16 or 32.
    const GROUP: usize;
    /// Whether groups have offsets.
    const OFFSETS: bool = false;
    /// Whether codes are made by [`Bytes::signed`]; else they are at most 127.
    const SIGNED: bool = false;
    /// The greatest code, or magnitude of one.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only AVX2 has sums that this could overflow"))]
    const MOST: i32;
    /// The code of zero.
    const ZERO: i32;
    /// Runs of 16 values in a part, 2 or 4: as many as are unpacked together. Whole groups.
    const RUNS: usize;

    /// Stored bytes of `values` values, whole blocks.
    fn bytes(self, values: usize) -> usize;

    /// Moves what lies scattered to where [`Stored::open`] finds it side by side, and decodes what [`Stored::part`] wants
    /// in memory, of the next `values` values. To be called long before `open`: registers read what was just written
    /// piece by piece only after a wait.
    unsafe fn collect(self, rows: Rows, values: usize, to: &mut Opened<B>);

    /// Makes scales and offsets of the groups of the next `values` values, for whose step `collect` was called.
    unsafe fn open(self, rows: Rows, values: usize, to: &mut Opened<B>);

    /// The codes of part `part` of the step, of the rows `q, q + 4, …`: the first [`Stored::RUNS`] registers count.
    unsafe fn part(self, rows: Rows, opened: &Opened<B>, q: usize, part: usize) -> [B; 4];

    /// Which run of 16 values of the step is run `i` of part `part`. Runs of a group are adjacent.
    #[inline(always)]
    fn run(part: usize, i: usize) -> usize {
        part * Self::RUNS + i
    }

    /// Codes of this type times activations, onto 32-bit `sums`.
    #[inline(always)]
    unsafe fn dot(sums: B, codes: B, x: B) -> B {
        match Self::SIGNED {
            true => sums.dot::<true>(codes, x),
            false => sums.dot::<false>(codes, x),
        }
    }
}

/// A step of a stripe, opened. Lanes, and elements of `halves`, are rows.
#[repr(C)]
pub(crate) struct Opened<B: Bytes> {
    pub scales: [B::Floats; STEP / 16],
    /// Of types that have them.
    pub offsets: [B::Floats; STEP / 16],
    /// Half-precision scales, as they are stored.
    pub halves: [[u16; MOST]; STEP / 32],
    /// Of types without codes in registers: those of each row.
    pub decoded: [Codes; MOST],
}

/// Something to do with a type that has been looked up.
pub(crate) trait Visit<B: Bytes> {
    unsafe fn visit<S: Stored<B>>(self, stored: S);
}

/// Calls `visit` with the reader of `dtype`, a block type.
#[inline(always)]
pub(crate) unsafe fn with<B: Bytes>(dtype: DType, visit: impl Visit<B>) {
    match dtype {
        DType::Q4_0 => visit.visit(q4_0::Q4_0),
        DType::Q8_0 => visit.visit(q8_0::Q8_0),
        DType::Q4_K => visit.visit(q4_k::Q4K),
        DType::Q6_K => visit.visit(q6_k::Q6K),
        _ => match (dtype.group_len(), dtype.has_offsets()) {
            (16, true) => visit.visit(decoded::Decoded::<16, true>(dtype)),
            (16, false) => visit.visit(decoded::Decoded::<16, false>(dtype)),
            (_, true) => visit.visit(decoded::Decoded::<32, true>(dtype)),
            (_, false) => visit.visit(decoded::Decoded::<32, false>(dtype)),
        },
    }
}

/// The two-byte words that the rows have at `at`, `at + pitch`, …, the first `count` of them.
#[inline(always)]
unsafe fn collect_halves<B: Bytes>(rows: Rows, at: usize, pitch: usize, count: usize, to: &mut Opened<B>) {
    let mut i = 0;
    while i < count {
        B::collect_words(rows, at + i * pitch, &mut to.halves[i]);
        i += 1;
    }
}

/// The same where every group of a step of 32-value blocks has one, at the block's start.
#[inline(always)]
unsafe fn collect_scales<B: Bytes>(rows: Rows, block: usize, values: usize, to: &mut Opened<B>) {
    match values {
        STEP => collect_halves(rows, 0, block, STEP / 32, to),
        _ => collect_halves(rows, 0, block, values / 32, to),
    }
}

/// Widens what [`collect_scales`] has collected.
#[inline(always)]
unsafe fn open_scales<B: Bytes>(values: usize, to: &mut Opened<B>) {
    let mut g = 0;
    while g < values / 32 {
        to.scales[g] = widened(to, g);
        g += 1;
    }
}

/// Word `i` of each row, widened.
#[inline(always)]
unsafe fn widened<B: Bytes>(opened: &Opened<B>, i: usize) -> B::Floats {
    B::Floats::load_f16(opened.halves[i].as_ptr().cast())
}
