//! A block as integers: what products on integer units take, and the layer below [`super::dequantise`].

use super::{affine8, iq1, iq2, iq3, iq4, mxfp4, q2_k, q3_k, q4_0, q4_k, q5_0, q5_k, q6_k, q8_0, tq};
use crate::DType;

/// Values that are decoded at once, where the row has so many: every block length divides it.
pub(crate) const STEP: usize = 256;

/// Up to [`STEP`] values of a block type, in groups of `dtype.group_len()`: value `i` of group `g` is
/// `scales[g] * codes[i]`, plus `offsets[g]` where `dtype.has_offsets()`.
///
/// The product is exact in f32 for all types but `Q6_K`, and `AFFINE8` where its scale has more than 16 bits; the value is it, or the sum with the offset, rounded once.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Codes {
    /// From -128 to 127.
    pub codes: [i8; STEP],
    /// In units of a weight, here and below.
    pub scales: [f32; STEP / 16],
    pub offsets: [f32; STEP / 16],
}

/// A block of [`STEP`] values in units of its own: the scale of every 16 values is `d` times an integer, and what is
/// taken from every 32 values, where anything is, `dmin` times one.
pub(crate) struct Units {
    pub d: f32,
    pub scales: [i8; STEP / 16],
    pub minima: Option<(f32, [u8; STEP / 32])>,
}

impl Units {
    /// Of the types whose products are summed in such units; one whole block.
    pub fn of(dtype: DType, block: &[u8]) -> Option<Units> {
        match dtype {
            DType::Q4_K => Some(q4_k::units(block)),
            DType::Q6_K => Some(q6_k::units(block)),
            _ => None,
        }
    }
}

/// The scales of a block whose values are scale times code.
pub(super) struct Scaled<const GROUPS: usize>(pub [f32; GROUPS]);

/// Scales and offsets of a block whose values are scale times code, plus offset.
#[derive(Clone, Copy)]
pub(crate) struct Affine<const GROUPS: usize> {
    pub scales: [f32; GROUPS],
    pub offsets: [f32; GROUPS],
}

impl DType {
    /// Values that share a scale, for block types: 16 or 32.
    pub const fn group_len(self) -> usize {
        match self {
            DType::Q2_K | DType::Q3_K | DType::Q6_K | DType::IQ1_M | DType::IQ2_XS | DType::IQ2_S => 16,
            _ => 32,
        }
    }

    /// Whether groups have an offset beside their scale.
    pub const fn has_offsets(self) -> bool {
        matches!(self, DType::AFFINE8 | DType::Q4_1 | DType::Q5_1 | DType::Q2_K | DType::Q4_K | DType::Q5_K)
    }
}

impl Codes {
    pub fn new() -> Codes {
        Codes { codes: [0; STEP], scales: [0.0; STEP / 16], offsets: [0.0; STEP / 16] }
    }

    /// The first `out.len()` values.
    #[inline(always)]
    pub fn widen(&self, dtype: DType, out: &mut [f32]) {
        let len = dtype.group_len();
        for (group, (codes, out)) in self.codes.chunks_exact(len).zip(out.chunks_exact_mut(len)).enumerate() {
            for (value, &code) in out.iter_mut().zip(codes) {
                *value = self.scales[group] * f32::from(code);
            }
            if dtype.has_offsets() {
                out.iter_mut().for_each(|value| *value += self.offsets[group]);
            }
        }
    }
}

/// Reads whole blocks of a block type, at most [`STEP`] values; compiled with the features of its caller.
#[inline(always)]
pub(crate) fn decode(dtype: DType, bytes: &[u8], to: &mut Codes) {
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 => unreachable!("{dtype} has no codes"),
        DType::Q4_0 => scaled(bytes, to, q4_0::codes),
        DType::Q4_1 => affine(bytes, to, q4_0::codes_with_minimum),
        DType::Q5_0 => scaled(bytes, to, q5_0::codes),
        DType::Q5_1 => affine(bytes, to, q5_0::codes_with_minimum),
        DType::Q8_0 => scaled(bytes, to, q8_0::codes),
        DType::Q2_K => affine(bytes, to, q2_k::codes),
        DType::Q3_K => scaled(bytes, to, q3_k::codes),
        DType::Q4_K => affine(bytes, to, q4_k::codes),
        DType::Q5_K => affine(bytes, to, q5_k::codes),
        DType::Q6_K => scaled(bytes, to, q6_k::codes),
        DType::IQ1_S => scaled(bytes, to, iq1::codes_s),
        DType::IQ1_M => scaled(bytes, to, iq1::codes_m),
        DType::IQ2_XXS => scaled(bytes, to, iq2::codes_xxs),
        DType::IQ2_XS => scaled(bytes, to, iq2::codes_xs),
        DType::IQ2_S => scaled(bytes, to, iq2::codes_s),
        DType::IQ3_XXS => scaled(bytes, to, iq3::codes_xxs),
        DType::IQ3_S => scaled(bytes, to, iq3::codes_s),
        DType::IQ4_NL => scaled(bytes, to, iq4::codes_nl),
        DType::IQ4_XS => scaled(bytes, to, iq4::codes_xs),
        DType::TQ1_0 => scaled(bytes, to, tq::codes_1),
        DType::TQ2_0 => scaled(bytes, to, tq::codes_2),
        DType::MXFP4 => scaled(bytes, to, mxfp4::codes),
        DType::AFFINE8 => affine(bytes, to, affine8::codes),
    }
}

/// Whole blocks of a block type as integers: value `i` of group `g` is `scales[g] * codes[i]`, plus `offsets[g]` of a type
/// with [`DType::has_offsets`]; of another the offsets stay as they are. Groups have [`DType::group_len`] values.
///
/// ```
/// use plimsoll_kernels::{DType, block_groups};
/// let block = [&[0x00, 0x3c][..], &[0x70; 16]].concat(); // a scale of 1, codes 0 and 7
/// let (mut codes, mut scales, mut offsets) = ([0; 32], [0.0], [0.0]);
/// block_groups(DType::Q4_0, &block, &mut codes, &mut scales, &mut offsets);
/// assert_eq!((codes[0], codes[16], scales[0]), (-8, -1, 1.0));
/// ```
///
/// # Panics
/// `dtype` is no block type, `codes` are no whole blocks, `bytes` have not exactly their length, or there is another number
/// of scales or offsets than of groups.
pub fn block_groups(dtype: DType, bytes: &[u8], codes: &mut [i8], scales: &mut [f32], offsets: &mut [f32]) {
    assert_eq!(Some(bytes.len()), dtype.row_bytes(codes.len()), "bytes of {} values of {dtype}", codes.len());
    let n_groups = codes.len() / dtype.group_len();
    assert_eq!((scales.len(), offsets.len()), (n_groups, n_groups), "scales and offsets of {n_groups} groups");
    let (step, groups) = (STEP / dtype.block_len() * dtype.block_bytes(), STEP / dtype.group_len());
    let mut read = Codes::new();
    let of_groups = scales.chunks_mut(groups).zip(offsets.chunks_mut(groups));
    for ((bytes, codes), (scales, offsets)) in bytes.chunks(step).zip(codes.chunks_mut(STEP)).zip(of_groups) {
        decode(dtype, bytes, &mut read);
        codes.copy_from_slice(&read.codes[..codes.len()]);
        scales.copy_from_slice(&read.scales[..scales.len()]);
        if dtype.has_offsets() {
            offsets.copy_from_slice(&read.offsets[..offsets.len()]);
        }
    }
}

#[inline(always)]
fn scaled<const BYTES: usize, const VALUES: usize, const GROUPS: usize>(
    bytes: &[u8],
    to: &mut Codes,
    codes: impl Fn(&[u8; BYTES], &mut [i8; VALUES]) -> Scaled<GROUPS>,
) {
    let (values, scales) = (to.codes.as_chunks_mut().0, to.scales.as_chunks_mut().0);
    for ((block, values), scales) in bytes.as_chunks().0.iter().zip(values).zip(scales) {
        *scales = codes(block, values).0;
    }
}

#[inline(always)]
fn affine<const BYTES: usize, const VALUES: usize, const GROUPS: usize>(
    bytes: &[u8],
    to: &mut Codes,
    codes: impl Fn(&[u8; BYTES], &mut [i8; VALUES]) -> Affine<GROUPS>,
) {
    let (scales, offsets) = (to.scales.as_chunks_mut().0, to.offsets.as_chunks_mut().0);
    let blocks = bytes.as_chunks().0.iter().zip(to.codes.as_chunks_mut().0);
    for (((block, values), scales), offsets) in blocks.zip(scales).zip(offsets) {
        let groups = codes(block, values);
        (*scales, *offsets) = (groups.scales, groups.offsets);
    }
}
