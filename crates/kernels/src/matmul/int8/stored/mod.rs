//! Stored types as codes in registers, each written once for all levels.

mod decoded;
mod mxfp4;
mod q4_0;
mod q4_k;
mod q6_k;
mod q8_0;

use super::bytes::Bytes;
use super::integer_scales::Scales;
use super::row_strip::{MOST, Rows};
use crate::DType;
use crate::blocks::{Codes, STEP};
use crate::vector::Vector;

/// One stored type, read in steps of [`STEP`] values of a strip (fewer at the end of a row, where blocks are smaller).
///
/// A weight is its group's scale times its code (less [`Stored::ZERO_POINT`]), plus the group's offset if there are any.
pub(crate) trait Stored<B: Bytes>: Copy {
    /// Values of a group: 16 or 32.
    const GROUP: usize;
    /// Whether groups have offsets.
    const OFFSETS: bool = false;
    /// Whether scales are integers under one of their block, see [`super::integer_scales`]: then [`Stored::group`] is not
    /// called, and [`UnpackedStep`] has what it would say in units of the block.
    const INTEGER_SCALES: bool = false;
    /// Whether those integers have a sign.
    const SIGNED_SCALES: bool = false;
    /// Whether codes are made by [`Bytes::signed`]; else they are at most 127.
    const SIGNED: bool = false;
    /// The greatest code, or magnitude of one.
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "only AVX2 has sums that this could overflow"))]
    const MOST: i32;
    /// The code of zero.
    const ZERO_POINT: i32;
    /// Runs of 16 values in a part, at most [`MOST_RUNS`]: as many as are unpacked together. Whole groups.
    const RUNS: usize;

    /// Stored bytes of `values` values, whole blocks.
    fn bytes(self, values: usize) -> usize;

    /// Reads what the groups of the next `values` values share.
    #[inline(always)]
    unsafe fn unpack_shared(self, rows: Rows, values: usize, to: &mut UnpackedStep<B>) {
        let _ = (rows, values, to);
    }

    /// The codes of part `part` of the step, of the rows `q, q + 4, …`: the first [`Stored::RUNS`] registers count.
    unsafe fn part(self, rows: Rows, unpacked: &UnpackedStep<B>, q: usize, part: usize) -> [B; MOST_RUNS];

    /// Scale and offset of group `g` of the step; lanes are rows.
    #[inline(always)]
    unsafe fn group(self, rows: Rows, unpacked: &UnpackedStep<B>, g: usize) -> Affine<B::Floats> {
        let _ = rows;
        unpacked.groups[g]
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

/// Most runs of 16 values in a part.
pub(crate) const MOST_RUNS: usize = 8;

/// What turns the codes of a group into weights; lanes are rows.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Affine<V> {
    pub scale: V,
    /// Of types that have one.
    pub offset: V,
}

/// What the groups of a step of a strip share.
#[repr(C)]
pub(crate) struct UnpackedStep<B: Bytes> {
    pub groups: [Affine<B::Floats>; STEP / 16],
    /// What one unit of these is, where they are [`Stored::INTEGER_SCALES`].
    pub block: Affine<B::Floats>,
    pub scales: <B::Scales as Scales<B>>::Unpacked,
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
        DType::MXFP4 => visit.visit(mxfp4::Mxfp4),
        _ => match (dtype.group_len(), dtype.has_offsets()) {
            (16, true) => visit.visit(decoded::Decoded::<16, true>(dtype)),
            (16, false) => visit.visit(decoded::Decoded::<16, false>(dtype)),
            (_, true) => visit.visit(decoded::Decoded::<32, true>(dtype)),
            (_, false) => visit.visit(decoded::Decoded::<32, false>(dtype)),
        },
    }
}

/// The group of a type whose blocks begin with the scale of their 32 values.
#[inline(always)]
unsafe fn scale_of_block<B: Bytes>(rows: Rows, block: usize, g: usize) -> Affine<B::Floats> {
    Affine { scale: B::halves(rows, g * block), offset: B::Floats::zero() }
}

/// Where a lane of a register in memory lies.
#[inline(always)]
fn lane<V: Vector>(register: &mut V, i: usize) -> *mut f32 {
    (register as *mut V).cast::<f32>().wrapping_add(i)
}

/// The runs of a part, and zeros for those that do not count.
#[inline(always)]
unsafe fn runs<B: Bytes, const N: usize>(codes: [B; N]) -> [B; MOST_RUNS] {
    let mut all = [B::zero(); MOST_RUNS];
    let mut i = 0;
    while i < N {
        all[i] = codes[i];
        i += 1;
    }
    all
}
