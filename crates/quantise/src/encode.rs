//! A row of values as the bytes of a type.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use plimsoll_kernels::{DType, Isa};

use crate::blocks::{in_eights, one_by_one};
use crate::{curve, iq, iq1, k_affine, k_scaled, mxfp4, simple, ternary};

/// The types that can be written, the most precise first.
pub const TYPES: [DType; 25] = [
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::Q8_0,
    DType::Q6_K,
    DType::Q5_1,
    DType::Q5_K,
    DType::Q5_0,
    DType::Q4_1,
    DType::Q4_K,
    DType::Q4_0,
    DType::IQ4_NL,
    DType::IQ4_XS,
    DType::MXFP4,
    DType::Q3_K,
    DType::IQ3_S,
    DType::IQ3_XXS,
    DType::Q2_K,
    DType::IQ2_S,
    DType::IQ2_XS,
    DType::IQ2_XXS,
    DType::TQ2_0,
    DType::TQ1_0,
    DType::IQ1_M,
    DType::IQ1_S,
];

/// Why values cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// Infinity or NaN.
    #[error("value {index} is {value}, expected a finite number")]
    NotFinite {
        /// Which of the values, from 0.
        index: usize,
        /// It.
        value: f32,
    },
    /// A value beyond what half precision holds, which scales are stored in.
    #[error("value {index} is {value:e}, expected a magnitude of at most 65504 in {dtype}")]
    TooLarge {
        /// Which of the values, from 0.
        index: usize,
        /// It.
        value: f32,
        /// The type that was asked for.
        dtype: DType,
    },
    /// A type that nothing here writes.
    #[error("{0} is not written, only read")]
    NotWritten(DType),
}

/// Writes `values` as `dtype` over `out`, with the least squared error under `weights`, one for each value; none count
/// alike.
///
/// ```
/// use plimsoll_kernels::{DType, dequantise};
/// let values: Vec<f32> = (0..32).map(|i| (i as f32 - 15.5) / 16.0).collect();
/// let mut block = [0; 34];
/// plimsoll_quantise::encode(DType::Q8_0, &values, None, &mut block)?;
/// let mut back = [0.0; 32];
/// dequantise(DType::Q8_0, &block, &mut back);
/// assert!(values.iter().zip(back).all(|(value, back)| (value - back).abs() < 0.005));
/// # Ok::<(), plimsoll_quantise::EncodeError>(())
/// ```
///
/// # Errors
/// A value is not finite or too large for the type, or the type is not written: the first such value.
///
/// # Panics
/// `values` are no whole blocks, `out` has not exactly their bytes, or there is another number of weights.
pub fn encode(dtype: DType, values: &[f32], weights: Option<&[f32]>, out: &mut [u8]) -> Result<(), EncodeError> {
    encode_at(Isa::best(), dtype, values, weights, out)
}

/// [`encode`] at a level of this processor: the bytes are the same at each.
///
/// # Errors
/// As [`encode`].
///
/// # Panics
/// As [`encode`], and if this processor does not have the level.
pub fn encode_at(
    isa: Isa,
    dtype: DType,
    values: &[f32],
    weights: Option<&[f32]>,
    out: &mut [u8],
) -> Result<(), EncodeError> {
    assert_eq!(Some(out.len()), dtype.row_bytes(values.len()), "bytes of {} values of {dtype}", values.len());
    assert!(weights.is_none_or(|weights| weights.len() == values.len()), "a weight for each value");
    check(dtype, values)?;
    let blocks = (values, weights);
    match dtype {
        DType::F32 => each(values, out, f32::to_le_bytes),
        DType::F16 => halves(values, out),
        DType::BF16 => each(values, out, |value| bf16::from_f32(value).to_le_bytes()),
        DType::Q8_0 => in_eights(blocks, out, |x, to| simple::q8_0(isa, x, to)),
        DType::Q5_1 => in_eights(blocks, out, |x, to| simple::q5_1(isa, x, to)),
        DType::Q5_0 => in_eights(blocks, out, |x, to| simple::q5_0(isa, x, to)),
        DType::Q4_1 => in_eights(blocks, out, |x, to| simple::q4_1(isa, x, to)),
        DType::Q4_0 => in_eights(blocks, out, |x, to| simple::q4_0(isa, x, to)),
        DType::Q6_K => one_by_one(blocks, out, |x, w, to| k_scaled::q6_k(isa, x, w, to)),
        DType::Q5_K => one_by_one(blocks, out, |x, w, to| k_affine::q5_k(isa, x, w, to)),
        DType::Q4_K => one_by_one(blocks, out, |x, w, to| k_affine::q4_k(isa, x, w, to)),
        DType::Q3_K => one_by_one(blocks, out, |x, w, to| k_scaled::q3_k(isa, x, w, to)),
        DType::Q2_K => one_by_one(blocks, out, |x, w, to| k_affine::q2_k(isa, x, w, to)),
        DType::IQ4_NL => in_eights(blocks, out, |x, to| curve::iq4_nl(isa, x, to)),
        DType::IQ4_XS => one_by_one(blocks, out, |x, w, to| curve::iq4_xs(isa, x, w, to)),
        DType::MXFP4 => one_by_one(blocks, out, mxfp4::mxfp4),
        DType::IQ3_S => one_by_one(blocks, out, |x, w, to| iq::iq3_s(isa, x, w, to)),
        DType::IQ3_XXS => one_by_one(blocks, out, |x, w, to| iq::iq3_xxs(isa, x, w, to)),
        DType::IQ2_S => one_by_one(blocks, out, |x, w, to| iq::iq2_s(isa, x, w, to)),
        DType::IQ2_XS => one_by_one(blocks, out, |x, w, to| iq::iq2_xs(isa, x, w, to)),
        DType::IQ2_XXS => one_by_one(blocks, out, |x, w, to| iq::iq2_xxs(isa, x, w, to)),
        DType::IQ1_M => one_by_one(blocks, out, |x, w, to| iq1::iq1_m(isa, x, w, to)),
        DType::IQ1_S => one_by_one(blocks, out, |x, w, to| iq1::iq1_s(isa, x, w, to)),
        DType::TQ1_0 => one_by_one(blocks, out, ternary::tq1_0),
        DType::TQ2_0 => one_by_one(blocks, out, ternary::tq2_0),
        other => return Err(EncodeError::NotWritten(other)),
    }
    Ok(())
}

fn check(dtype: DType, values: &[f32]) -> Result<(), EncodeError> {
    let most = match dtype {
        DType::F32 | DType::BF16 | DType::MXFP4 => f32::MAX,
        _ => 65504.0,
    };
    check_within(most, dtype, values)
}

/// Refuses the first value that is no number or greater than `most`.
pub(crate) fn check_within(most: f32, dtype: DType, values: &[f32]) -> Result<(), EncodeError> {
    // All of them first, in vectors: a search that ends somewhere looks at one after the other.
    let mut is_beyond = false;
    for value in values {
        is_beyond |= value.is_nan() | (value.abs() > most);
    }
    if !is_beyond {
        return Ok(());
    }
    match values.iter().position(|value| value.is_nan() || value.abs() > most) {
        None => Ok(()),
        Some(index) if values[index].is_finite() => Err(EncodeError::TooLarge { index, value: values[index], dtype }),
        Some(index) => Err(EncodeError::NotFinite { index, value: values[index] }),
    }
}

/// Some at a time, for which the processor has an instruction.
fn halves(values: &[f32], out: &mut [u8]) {
    let mut some = [f16::ZERO; 256];
    for (values, out) in values.chunks(some.len()).zip(out.chunks_mut(2 * some.len())) {
        let some = &mut some[..values.len()];
        some.convert_from_f32_slice(values);
        for (out, half) in out.as_chunks_mut().0.iter_mut().zip(some) {
            *out = half.to_le_bytes();
        }
    }
}

fn each<const BYTES: usize>(values: &[f32], out: &mut [u8], bytes: impl Fn(f32) -> [u8; BYTES]) {
    for (out, value) in out.as_chunks_mut().0.iter_mut().zip(values) {
        *out = bytes(*value);
    }
}
