//! Blocks as MLX's groups: the same values to the last bit. A block type of 32 values under a scale, with or without an
//! offset, is a group of 32; its codes count from zero on, so that the offset takes in what was taken off them.
//!
//! | type | bits | scale | bias |
//! |---|---|---|---|
//! | `Q4_0`, `Q5_0`, `Q8_0` | 4, 5, 8 | d | −8 d, −16 d, −128 d |
//! | `Q4_1`, `Q5_1` | 4, 5 | d | m |
//! | `Q4_K`, `Q5_K` | 4, 5 | d · sc | −dmin · m |
//!
//! The first two rows are exact in f16; products of the third have up to 17 bits and are kept in f32.

use plimsoll_kernels::{DType, block_groups};
use plimsoll_models::export::mlx::MlxTensor;
use plimsoll_quantise::AffineGroups;

use super::{Form, MlxError};

/// Values of a block that share a scale, in every type here.
const GROUP: usize = 32;

/// Bits of the codes of a type, and what code zero of MLX is there.
fn codes(dtype: DType) -> Option<(u32, i8)> {
    Some(match dtype {
        DType::Q4_0 => (4, -8),
        DType::Q5_0 => (5, -16),
        DType::Q8_0 => (8, -128),
        DType::Q4_1 | DType::Q4_K => (4, 0),
        DType::Q5_1 | DType::Q5_K => (5, 0),
        _ => return None,
    })
}

/// The type in which scales, offsets and floats of all tensors are exact: f16, or f32 with a note.
///
/// # Errors
/// A tensor's values are none that a group of MLX can have.
pub fn floats(tensors: &[MlxTensor], notes: &mut Vec<String>) -> Result<DType, MlxError> {
    for source in tensors {
        let tensor = &source.tensor;
        let fits = match tensor.dtype() {
            DType::F16 | DType::Q4_0 | DType::Q5_0 | DType::Q8_0 | DType::Q4_1 | DType::Q5_1 => true,
            DType::F32 => is_half(source),
            _ => false,
        };
        form(source, DType::F32)?;
        if !fits {
            notes.push(format!(
                "scales are f32, for `{}` ({}) is not exact in f16: mlx then computes in f32",
                tensor.name,
                tensor.dtype()
            ));
            return Ok(DType::F32);
        }
    }
    Ok(DType::F16)
}

/// Whether every value is one of half precision.
fn is_half(source: &MlxTensor) -> bool {
    let tensor = &source.tensor;
    let mut row = vec![0.0; tensor.cols()];
    (0..tensor.rows()).all(|at| {
        tensor.read_rows(at, &mut row);
        row.iter().all(|value| half::f16::from_f32(*value).to_f32() == *value)
    })
}

/// How a tensor is copied.
///
/// # Errors
/// Its values are none that a group of MLX can have, or its blocks do not lie as its rows do.
pub fn form(source: &MlxTensor, floats: DType) -> Result<Form, MlxError> {
    let (tensor, dtype) = (&source.tensor, source.tensor.dtype());
    if dtype.is_float() {
        return Ok(Form::Floats(floats));
    }
    let inexact = |what: String| Err(MlxError::Inexact(tensor.error(what)));
    let Some((bits, _)) = codes(dtype).filter(|_| source.quantises) else {
        return inexact(format!(
            "is {dtype}, whose values no group of MLX has; Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K and Q5_K can be copied"
        ));
    };
    match (0..tensor.rows()).find(|row| tensor.stored_row(*row).is_none_or(|(found, _)| found != dtype)) {
        Some(row) => inexact(format!("has a row {row} that is not stored as {dtype} like its first")),
        None => Ok(Form::Exact(AffineGroups::new(bits, GROUP, floats).expect("a grid that MLX has"))),
    }
}

/// Codes of a row of blocks, with a scale and an offset for each group.
///
/// # Errors
/// A scale or an offset is beyond the type that it is to be stored in: the group.
pub fn row(
    dtype: DType,
    blocks: &[u8],
    stored: DType,
    codes: &mut [u8],
    scales: &mut [f32],
    offsets: &mut [f32],
) -> Result<(), usize> {
    let (_, zero) = self::codes(dtype).expect("planned as a type with codes");
    let mut read = vec![0; codes.len()];
    offsets.fill(0.0);
    block_groups(dtype, blocks, &mut read, scales, offsets);
    codes.iter_mut().zip(read).for_each(|(to, code)| *to = (i16::from(code) - i16::from(zero)) as u8);
    let kept = |value: f32| match stored {
        DType::F16 => half::f16::from_f32(value).to_f32() == value,
        _ => value.is_finite(),
    };
    for (group, (scale, offset)) in scales.iter().zip(offsets).enumerate() {
        *offset += scale * f32::from(zero);
        if !kept(*scale) || !kept(*offset) {
            return Err(group);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_kernels::dequantise;

    #[test]
    fn codes_under_scales_are_what_the_blocks_are_read_as() {
        let mut state = 7u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        for dtype in [DType::Q4_0, DType::Q4_1, DType::Q5_0, DType::Q5_1, DType::Q8_0, DType::Q4_K, DType::Q5_K] {
            let (len, groups) = (dtype.block_len() * 3, dtype.block_len() * 3 / GROUP);
            let mut blocks: Vec<u8> = (0..dtype.block_bytes() * 3).map(|_| byte()).collect();
            for block in blocks.chunks_exact_mut(dtype.block_bytes()) {
                // Halves of a moderate size; types without a second have codes there.
                (block[1], block[3]) =
                    (0x21, if matches!(dtype, DType::Q4_0 | DType::Q5_0 | DType::Q8_0) { block[3] } else { 0x27 });
            }
            let (mut codes, mut scales, mut offsets) = (vec![0; len], vec![0.0; groups], vec![0.0; groups]);
            row(dtype, &blocks, DType::F32, &mut codes, &mut scales, &mut offsets).unwrap();
            let mut expected = vec![0.0; len];
            dequantise(dtype, &blocks, &mut expected);
            for (i, code) in codes.iter().enumerate() {
                let value = scales[i / GROUP] * f32::from(*code) + offsets[i / GROUP];
                assert_eq!(value, expected[i], "{dtype}, value {i}");
            }
        }
    }
}
